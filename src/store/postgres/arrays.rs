//! Arrays of an answer, read where they lie. sqlx reads an array into a `Vec` of owned values; recall has two thousand texts
//! in its arrays, most of which are looked at once.

use sqlx::{
    Decode, Postgres, Row, Type,
    error::BoxDynError,
    postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef},
};

use crate::{
    domain::SharedText,
    store::{Result, StoreError},
};

/// The elements of a one-dimensional array as their bytes, `None` for NULL. An array that is NULL itself has none.
#[derive(Clone, Default)]
pub(super) struct Elements<'r>(&'r [u8]);

/// `None` where the bytes end before: no array is sent so.
fn take<'r, const N: usize>(bytes: &mut &'r [u8]) -> Option<&'r [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

impl<'r> Decode<'r, Postgres> for Elements<'r> {
    /// The header is the number of dimensions, whether there are NULLs, the type, and for each dimension its length and
    /// first index (`array_send` in PostgreSQL's `arrayfuncs.c`); then come the elements.
    fn decode(value: PgValueRef<'r>) -> std::result::Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("an array that is not binary".into());
        }
        let mut bytes = value.as_bytes()?;
        let header = take::<12>(&mut bytes).ok_or("an array without a header")?;
        match header[..4] {
            [0, 0, 0, 0] => Ok(Self::default()),
            [0, 0, 0, 1] => {
                take::<8>(&mut bytes).map(|_| Self(bytes)).ok_or_else(|| "an array without a length".into())
            }
            _ => Err("an array of several dimensions".into()),
        }
    }
}

impl Type<Postgres> for Elements<'_> {
    fn type_info() -> PgTypeInfo {
        <[String] as Type<Postgres>>::type_info()
    }

    fn compatible(info: &PgTypeInfo) -> bool {
        use sqlx::TypeInfo as _;
        info.name().ends_with("[]")
    }
}

impl<'r> Iterator for Elements<'r> {
    type Item = Option<&'r [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = i32::from_be_bytes(*take(&mut self.0)?);
        // -1 is NULL.
        let Ok(length) = usize::try_from(length) else { return Some(None) };
        let (element, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(element))
    }
}

impl<'r> Elements<'r> {
    /// Those of a column.
    pub(super) fn of(row: &'r PgRow, column: usize) -> Result<Self> {
        Ok(row.try_get::<Option<Self>, _>(column)?.unwrap_or_default())
    }

    /// The next as a text; `None` where it is NULL.
    pub(super) fn text(&mut self) -> Result<Option<&'r str>> {
        let bytes = self.next().flatten();
        bytes
            .map(str::from_utf8)
            .transpose()
            .map_err(|error| StoreError::Corrupt(format!("a text of an array: {error}")))
    }

    /// All as texts that share an allocation, empty where they are NULL.
    pub(super) fn texts(self) -> Result<impl Iterator<Item = SharedText>> {
        let mut bytes = Vec::with_capacity(self.0.len());
        self.clone().flatten().for_each(|text| bytes.extend_from_slice(text));
        let whole = String::from_utf8(bytes).map_err(not_a_text)?;
        Ok(SharedText::cut(whole, self.map(|element| element.map_or(0, <[u8]>::len))))
    }

    /// The next as `BIGINT`; `None` where it is NULL, or no array is left.
    pub(super) fn integer(&mut self) -> Option<i64> {
        self.next()?.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes)
    }

    /// The next as `DOUBLE PRECISION`; `None` where it is NULL.
    pub(super) fn float(&mut self) -> Option<f64> {
        self.next()?.and_then(|bytes| bytes.try_into().ok()).map(f64::from_be_bytes)
    }
}

fn not_a_text(error: impl std::error::Error) -> StoreError {
    StoreError::Corrupt(format!("a text of an array: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements as the wire has them.
    fn sent(elements: &[Option<&[u8]>]) -> Vec<u8> {
        let length = |element: Option<&[u8]>| element.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
        elements
            .iter()
            .flat_map(|element| [&length(*element).to_be_bytes(), element.unwrap_or_default()].concat())
            .collect()
    }

    #[test]
    fn elements_are_read_one_after_the_other() {
        let bytes = sent(&[Some("été".as_bytes()), None, Some(b""), Some(b"pop")]);
        let mut elements = Elements(&bytes);
        let texts: Vec<SharedText> = elements.clone().texts().unwrap().collect();
        assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["été", "", "", "pop"]);
        let one_by_one: Vec<_> = (0..5).map(|_| elements.text().unwrap()).collect();
        assert_eq!(one_by_one, [Some("été"), None, Some(""), Some("pop"), None]);

        let bytes = sent(&[Some(&7i64.to_be_bytes()), None, Some(&0.5f64.to_be_bytes()), Some(b"ab")]);
        let mut elements = Elements(&bytes);
        assert_eq!((elements.integer(), elements.integer(), elements.float()), (Some(7), None, Some(0.5)));
        assert_eq!((elements.integer(), elements.integer()), (None, None), "no number, and the end");
    }

    #[test]
    fn what_is_no_text_or_ends_too_soon_is_no_panic() {
        let broken = sent(&[Some(b"\xff")]);
        assert!(Elements(&broken).texts().is_err() && Elements(&broken).text().is_err());
        let cut_short = &sent(&[Some(b"techno")])[..7];
        assert_eq!(Elements(cut_short).count(), 0);
    }
}
