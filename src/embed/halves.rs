//! A batch that fails as a whole because of one text: halved until the bad text stands alone.

/// Most characters of the texts of one call: 32 texts of usual length are half of it. A call of many long texts would take a
/// small machine longer than its timeout.
pub(crate) const MOST_CHARS: usize = 16_000;

/// Items that are still to be embedded, in batches.
pub(crate) struct Halves<T> {
    batches: Vec<Vec<T>>,
}

impl<T> Halves<T> {
    /// All of them, in batches of at most `most` characters; one that is longer stands alone.
    pub(crate) fn by_chars(items: Vec<T>, most: usize, chars: impl Fn(&T) -> usize) -> Self {
        let mut batches: Vec<Vec<T>> = Vec::new();
        let mut room = 0;
        for item in items {
            let needs = chars(&item);
            match batches.last_mut() {
                Some(batch) if needs <= room => batch.push(item),
                _ => {
                    batches.push(vec![item]);
                    room = most;
                }
            }
            room = room.saturating_sub(needs);
        }
        // They are taken from the end.
        batches.reverse();
        Self { batches }
    }

    /// The next batch that is not empty.
    pub(crate) fn next_batch(&mut self) -> Option<Vec<T>> {
        loop {
            let batch = self.batches.pop()?;
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Takes back a batch that was refused, in halves; gives back the item that was refused alone.
    pub(crate) fn refused(&mut self, mut batch: Vec<T>) -> Option<T> {
        if batch.len() <= 1 {
            return batch.pop();
        }
        let second = batch.split_off(batch.len() / 2);
        self.batches.push(second);
        self.batches.push(batch);
        None
    }

    /// What is left, when no more is to be tried.
    pub(crate) fn rest(self) -> Vec<T> {
        self.batches.into_iter().rev().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_item_is_found_and_the_others_keep_their_order() {
        let (mut halves, mut good, mut bad, mut calls) =
            (Halves::by_chars((1..=9).collect(), 99, |_| 1), Vec::new(), Vec::new(), 0);
        while let Some(batch) = halves.next_batch() {
            calls += 1;
            if batch.contains(&4) { bad.extend(halves.refused(batch)) } else { good.extend(batch) }
        }
        assert_eq!((good, bad), (vec![1, 2, 3, 5, 6, 7, 8, 9], vec![4]));
        assert!(calls <= 9, "{calls} calls");
        assert_eq!(Halves::<u8>::by_chars(Vec::new(), 99, |_| 1).next_batch(), None);
    }

    #[test]
    fn what_is_left_is_given_back_in_order() {
        let mut halves = Halves::by_chars((1..=8).collect(), 99, |_| 1);
        let all = halves.next_batch().unwrap();
        assert_eq!(halves.refused(all), None);
        assert_eq!(halves.next_batch().unwrap(), [1, 2, 3, 4]);
        assert_eq!(halves.rest(), [5, 6, 7, 8]);
    }

    #[test]
    fn a_batch_holds_no_more_than_so_many_characters_and_keeps_the_order() {
        let texts = ["aaaa", "bbbb", "cccccccccccc", "d", "e"];
        let mut halves = Halves::by_chars(texts.to_vec(), 10, |text| text.len());
        assert_eq!(halves.next_batch().unwrap(), ["aaaa", "bbbb"]);
        assert_eq!(halves.next_batch().unwrap(), ["cccccccccccc"]);
        assert_eq!(halves.rest(), ["d", "e"]);
    }
}
