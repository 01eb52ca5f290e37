//! Entity tags of synonyms rows and the conditions callers put on them (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, header};

use super::error::{ApiError, Code};
use crate::domain::SynonymRecord;

/// The entity tag of a row: `"{id}.{version}"`, with an `e` behind it once the row is embedded.
pub(super) fn of(record: &SynonymRecord) -> String {
    let embedded = if record.embedding.is_some() { "e" } else { "" };
    format!("\"{}.{}{embedded}\"", record.id, record.version)
}

/// Whether `If-None-Match` names this tag, so that the caller has the row already. Compared weakly, as the RFC says.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    tags(headers, &header::IF_NONE_MATCH).any(|tag| tag == "*" || opaque(tag) == etag)
}

/// The version of row `id` that `If-Match` insists on; `None` without the header or with `*`.
///
/// Only id and version are compared: a vector that came in the background is no change of what the caller edits.
/// `W/` is accepted, because proxies that compress put it there.
///
/// # Errors
/// 400 when the header cannot be read, 412 when it names another row.
pub(super) fn expected_version(headers: &HeaderMap, id: i64) -> Result<Option<i64>, ApiError> {
    let mut given = headers.get_all(header::IF_MATCH).iter();
    let (first, more) = (given.next(), given.next());
    let Some(value) = first else { return Ok(None) };
    let tag = value.to_str().ok().filter(|_| more.is_none()).map(str::trim);
    if tag == Some("*") {
        return Ok(None);
    }
    match tag.and_then(parse) {
        Some((row, version)) if row == id => Ok(Some(version)),
        Some((row, _)) => {
            let detail = format!("The ETag in If-Match is of row {row}, not of row {id}; read row {id} first.");
            Err(ApiError::new(Code::VersionMismatch, detail))
        }
        None => {
            let detail = "If-Match takes one ETag as this server gave it, for example \"12.3\" in its quotes, or *.";
            Err(ApiError::new(Code::InvalidIfMatch, detail))
        }
    }
}

/// Row and version of a tag.
fn parse(tag: &str) -> Option<(i64, i64)> {
    let inner = opaque(tag).strip_prefix('"')?.strip_suffix('"')?;
    let (id, version) = inner.strip_suffix('e').unwrap_or(inner).split_once('.')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some((number(id)?, number(version)?))
}

/// The tag without the mark of weakness.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn if_match(values: &[&str]) -> Result<Option<i64>, Code> {
        expected_version(&headers(&header::IF_MATCH, values), 12).map_err(|error| error.code())
    }

    #[test]
    fn a_version_is_expected_whether_embedded_or_not() {
        assert_eq!(if_match(&[]), Ok(None));
        assert_eq!(if_match(&["*"]), Ok(None));
        assert_eq!(if_match(&["\"12.3\""]), Ok(Some(3)));
        assert_eq!(if_match(&["\"12.3e\""]), Ok(Some(3)));
        assert_eq!(if_match(&["W/\"12.3\""]), Ok(Some(3)));
    }

    #[test]
    fn the_tag_of_another_row_does_not_match() {
        assert_eq!(if_match(&["\"13.3\""]), Err(Code::VersionMismatch));
    }

    #[test]
    fn what_is_no_tag_of_ours_is_malformed() {
        let long = format!("\"{}.1\"", "9".repeat(40));
        for bad in ["", "12.3", "\"12\"", "\"12.\"", "\".3\"", "\"12.+3\"", "\"12.3ee\"", "\"12.3\", \"12.4\"", &long] {
            assert_eq!(if_match(&[bad]), Err(Code::InvalidIfMatch), "{bad}");
        }
        assert_eq!(if_match(&["\"12.3\"", "\"12.3\""]), Err(Code::InvalidIfMatch));
        let bytes = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_bytes(b"\"\xff\"").unwrap())]);
        assert_eq!(expected_version(&bytes, 12).unwrap_err().code(), Code::InvalidIfMatch);
    }

    #[test]
    fn a_known_tag_may_stand_in_a_list_and_be_weak() {
        let known = |values: &[&str]| is_known(&headers(&header::IF_NONE_MATCH, values), "\"12.3e\"");
        assert!(known(&["*"]));
        assert!(known(&["\"1.1\", W/\"12.3e\""]));
        assert!(known(&["\"1.1\"", "\"12.3e\""]));
        assert!(!known(&["\"12.3\""]));
        assert!(!known(&[]));
    }
}
