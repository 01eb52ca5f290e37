//! Texts that share an allocation.

use std::{fmt, ops::Deref, sync::Arc};

/// A text that is a piece of a longer one, which its neighbours share: a search reads thousands of texts, and looks at most of
/// them once.
#[derive(Clone)]
pub struct SharedText {
    whole: Arc<str>,
    start: u32,
    end: u32,
}

impl SharedText {
    /// The texts of these lengths, in bytes, that make up a whole.
    pub fn cut(whole: String, lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = Self> {
        lengths.map(cutter(whole))
    }

    /// A few texts that belong together.
    pub fn of<const COUNT: usize>(texts: [&str; COUNT]) -> [Self; COUNT] {
        texts.map(str::len).map(cutter(texts.concat()))
    }
}

/// Gives the next text of a whole by its length.
fn cutter(whole: String) -> impl FnMut(usize) -> SharedText {
    let whole: Arc<str> = whole.into();
    let mut start = 0u32;
    move |length| {
        let end = start.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        let text = SharedText { whole: Arc::clone(&whole), start, end };
        start = end;
        text
    }
}

impl Deref for SharedText {
    type Target = str;

    /// Empty where the lengths did not fit the whole.
    fn deref(&self) -> &str {
        self.whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl PartialEq for SharedText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedText {}

impl From<&str> for SharedText {
    fn from(text: &str) -> Self {
        let [text] = Self::of([text]);
        text
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_whole_are_those_it_was_made_of() {
        let texts = ["drum", "", "électro", "drum"];
        let shared: Vec<SharedText> = SharedText::cut(texts.concat(), texts.iter().map(|text| text.len())).collect();
        assert_eq!(shared.iter().map(|text| &**text).collect::<Vec<_>>(), texts);
        assert_eq!((&shared[0], format!("{:?}", shared[2])), (&shared[3], "\"électro\"".to_owned()));
        assert_eq!(SharedText::of(texts).as_slice(), shared);
        assert!(shared.iter().all(|text| Arc::ptr_eq(&text.whole, &shared[0].whole)), "one allocation");
    }

    #[test]
    fn a_length_that_does_not_fit_gives_nothing() {
        let texts: Vec<SharedText> = SharedText::cut("été".to_owned(), [1, 2, 9].into_iter()).collect();
        assert!(texts.iter().all(|text| text.is_empty()), "{texts:?}");
    }
}
