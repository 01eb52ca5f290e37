//! What mends a finding: a sentence, and the command and request for it where they can say it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::finding::{FoundTag, Mend, MendRequest};
use crate::domain::TagName;

/// Whether a tag can be named in a command or a request: its name is what the rules of names make of it, and is no other
/// tag's. Plain SQL may have written a name that is not.
fn can_be_named(tag: &FoundTag) -> bool {
    TagName::parse(&tag.tag_name).is_ok_and(|name| name.as_str() == tag.tag_name)
}

/// To make one tag of two of a type. A dry run where that is only a guess.
pub(super) fn merge(from: &FoundTag, into: &FoundTag, dry_run: bool, text: String) -> Mend {
    if !can_be_named(from) || !can_be_named(into) {
        let text =
            "Give one of them another name by the SQL that wrote it: no command can name it as it is.".to_owned();
        return Mend { text, command: None, request: None };
    }
    let mut words = vec!["tags", "merge", "--type", from.tag_type.as_str()];
    if dry_run {
        words.push("--dry-run");
    }
    let name = |tag: &FoundTag| json!({ "tag_type": tag.tag_type, "tag_name": tag.tag_name });
    let body = json!({ "from": name(from), "into": name(into), "dry_run": dry_run });
    let request = MendRequest { method: "POST", path: "/api/tags/merge".to_owned(), body: Some(body) };
    let command = Some(command(&words, &[&from.tag_name, &into.tag_name]));
    Mend { text, command, request: Some(request) }
}

/// To have the synonyms of a tag written.
pub(super) fn generate(tag: &FoundTag, text: String) -> Mend {
    if !can_be_named(tag) {
        return Mend { text, command: Some("musonym generate --missing".to_owned()), request: None };
    }
    let name = utf8_percent_encode(&tag.tag_name, NON_ALPHANUMERIC);
    let path = format!("/api/tags/{}/{name}/generate", tag.tag_type);
    let command = Some(command(&["generate", "--type", tag.tag_type.as_str()], &[&tag.tag_name]));
    Mend { text, command, request: Some(MendRequest { method: "POST", path, body: None }) }
}

/// To try a job again.
pub(super) fn retry(job_id: i64, text: String) -> Mend {
    let request = MendRequest { method: "POST", path: format!("/api/jobs/{job_id}/retry"), body: None };
    Mend { text, command: Some(format!("musonym jobs retry {job_id}")), request: Some(request) }
}

/// To queue the embedding of every row that has no vector.
pub(super) fn embed_missing(text: String) -> Mend {
    Mend { text, command: Some("musonym reembed".to_owned()), request: None }
}

/// To take a term out of a row.
pub(super) fn take_out(synonym_id: i64) -> Mend {
    let text = format!(
        "Take it out: PUT /api/synonyms/{synonym_id} with the other terms; what a person leaves out never comes back."
    );
    Mend { text, command: None, request: None }
}

/// What a person must decide.
pub(super) fn decide(text: impl Into<String>) -> Mend {
    Mend { text: text.into(), command: None, request: None }
}

/// A command line: our own words, then names from outside.
fn command(words: &[&str], names: &[&str]) -> String {
    let mut line = format!("musonym {}", words.join(" "));
    if names.iter().any(|name| name.starts_with('-')) {
        line.push_str(" --");
    }
    for name in names {
        line.push(' ');
        line.push_str(&quoted(name));
    }
    line
}

/// A word for a POSIX shell: between single quotes nothing means anything but the quote itself.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TagType;

    fn tag(name: &str) -> FoundTag {
        FoundTag { tag_type: TagType::Genre, tag_id: 1, tag_name: name.to_owned(), synonym_id: None }
    }

    fn merge_command(from: &str, into: &str) -> Option<String> {
        merge(&tag(from), &tag(into), false, String::new()).command
    }

    #[test]
    fn names_reach_a_shell_as_they_are() {
        for (from, into, expected) in [
            ("rap", "hip-hop", "musonym tags merge --type genre rap hip-hop"),
            ("r'n'b", "r & b", r"musonym tags merge --type genre 'r'\''n'\''b' 'r & b'"),
            ("$(reboot)", "`id`;ls", "musonym tags merge --type genre '$(reboot)' '`id`;ls'"),
            ("-x", "x", "musonym tags merge --type genre -- -x x"),
            ("électro", "*", "musonym tags merge --type genre 'électro' '*'"),
        ] {
            assert_eq!(merge_command(from, into).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_name_that_no_command_can_say_gets_none() {
        for name in [" rap", "rap\u{7}", "e\u{301}lectro", ""] {
            let mend = merge(&tag(name), &tag("rap"), false, "Merge.".to_owned());
            assert_eq!((mend.command, mend.request), (None, None), "{name:?}");
            assert!(mend.text.contains("SQL"), "{}", mend.text);
            assert_eq!(generate(&tag(name), String::new()).command.as_deref(), Some("musonym generate --missing"));
        }
    }

    #[test]
    fn a_request_names_tags_in_its_path_or_body() {
        let request = generate(&tag("AC/DC & co"), String::new()).request.unwrap();
        assert_eq!(request.path, "/api/tags/genre/AC%2FDC%20%26%20co/generate");
        let request = merge(&tag("a"), &tag("b"), true, String::new()).request.unwrap();
        let body = request.body.unwrap();
        assert_eq!((&body["from"]["tag_name"], &body["dry_run"]), (&json!("a"), &json!(true)));
    }
}
