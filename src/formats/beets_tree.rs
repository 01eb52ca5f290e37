//! Reads a tree of genres as beets writes it: nested lists of names in YAML. What YAML has beyond that is refused with its line.

use super::{Wrong, additions::Addition, yaml};
use crate::domain::{Section, TagName, TagRef, TagType};

/// A name of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its line, from 1.
    pub line: u64,
    /// The name as written.
    pub name: String,
    /// The name it stands below.
    pub parent: Option<String>,
}

/// A name below which others may stand, and where its line has it.
struct Open {
    name: String,
    /// The column of its hyphen, where it has one.
    hyphen: Option<usize>,
    /// The column of the name itself.
    column: usize,
}

impl Open {
    /// Whether an item at this column stands below.
    fn holds(&self, hyphen: Option<usize>, column: usize) -> bool {
        match (hyphen, self.hyphen) {
            (Some(item), Some(own)) => item > own,
            // A list may stand right below a key of the same column.
            (Some(item), None) => item >= self.column,
            (None, _) => column > self.column,
        }
    }
}

/// Reads the names of a tree, in their order.
///
/// # Errors
/// All lines that are none.
pub fn parse(text: &str) -> Result<Vec<Node>, Vec<Wrong>> {
    let (mut nodes, mut wrong) = (Vec::new(), Vec::new());
    let mut open: Vec<Open> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if let Err(problem) = parse_line(line, text.trim_end(), &mut open, &mut nodes) {
            wrong.push(Wrong::new(line, problem));
        }
    }
    if wrong.is_empty() { Ok(nodes) } else { Err(wrong) }
}

fn parse_line(line: u64, text: &str, open: &mut Vec<Open>, nodes: &mut Vec<Node>) -> Result<(), String> {
    let content = text.trim_start_matches(' ');
    let indent = text.len() - content.len();
    if content.is_empty() || content.starts_with('#') || (indent == 0 && matches!(content, "---" | "..." | "[]")) {
        return Ok(());
    }
    if content.starts_with('\t') {
        return Err("it is indented by a tab: YAML takes spaces".to_owned());
    }
    let item = content.strip_prefix("- ").map(str::trim_start);
    let (hyphen, scalar) = match item {
        Some(scalar) => (Some(indent), scalar),
        None if content == "-" => return Err("nothing stands behind the hyphen".to_owned()),
        None => (None, content),
    };
    let column = text.len() - scalar.len();
    let (name, rest) = yaml::read_scalar(scalar)?;
    if name.trim().is_empty() || scalar.starts_with("- ") {
        return Err("it has no name".to_owned());
    }
    let rest = rest.trim_start();
    let below = match rest.strip_prefix(':') {
        Some(below) => Some(below.trim_start()),
        None if rest.is_empty() || rest.starts_with('#') => None,
        None => return Err("it goes on after the name".to_owned()),
    };
    if hyphen.is_none() && below.is_none() {
        return Err("it is no item of a list: write `- ` before the name".to_owned());
    }
    while open.last().is_some_and(|parent| !parent.holds(hyphen, column)) {
        open.pop();
    }
    nodes.push(Node { line, name: name.clone(), parent: open.last().map(|parent| parent.name.clone()) });
    match below {
        None => {}
        Some(value) if value.is_empty() || value.starts_with('#') => open.push(Open { name, hyphen, column }),
        // One name below, on the same line.
        Some(value) => {
            let (child, rest) = yaml::read_scalar(value)?;
            if !(rest.trim_start().is_empty() || rest.trim_start().starts_with('#')) {
                return Err("it goes on after the name".to_owned());
            }
            nodes.push(Node { line, name: child, parent: Some(name) });
        }
    }
    Ok(())
}

/// What a tree says of tags: each name is a genre, and the one that it stands below is related to it.
///
/// # Errors
/// All names that break the rules of names.
pub fn additions(nodes: &[Node]) -> Result<Vec<Addition>, Vec<Wrong>> {
    let (mut additions, mut wrong) = (Vec::new(), Vec::new());
    for node in nodes {
        match TagName::parse(&node.name) {
            Err(error) => wrong.push(Wrong::new(node.line, error.to_string())),
            Ok(tag_name) => additions.push(Addition {
                line: node.line,
                tag: TagRef { tag_type: TagType::Genre, tag_name },
                section: Section::RelatedTags,
                terms: node.parent.iter().cloned().collect(),
            }),
        }
    }
    if wrong.is_empty() { Ok(additions) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::{beets, tests::vocabulary};
    use super::*;

    fn pairs(text: &str) -> Vec<(String, Option<String>)> {
        parse(text).unwrap().into_iter().map(|node| (node.name, node.parent)).collect()
    }

    fn pair(name: &str, parent: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), parent.map(str::to_owned))
    }

    #[test]
    fn a_tree_that_was_written_is_read() {
        let exported = beets::tree(&vocabulary());
        let nodes = parse(&exported.text).unwrap();
        assert_eq!(nodes.len(), exported.tags);
        let parent = |name: &str| nodes.iter().find(|node| node.name == name).unwrap().parent.clone();
        assert_eq!(parent("techstep").as_deref(), Some("drum and bass"));
        assert_eq!(parent("say \"hi\": # loud"), None);
    }

    #[test]
    fn trees_of_other_hands_are_read() {
        let listed = "- rock: # loud\n    - punk\n    - metal:\n        - 'doom ''n'' gloom'\n- pop\n";
        let expected = [
            pair("rock", None),
            pair("punk", Some("rock")),
            pair("metal", Some("rock")),
            pair("doom 'n' gloom", Some("metal")),
            pair("pop", None),
        ];
        assert_eq!(pairs(listed), expected);
        let mapped = "---\nrock:\n- punk\n- metal:\n  - \"doom 'n' gloom\"\npop:\n";
        assert_eq!(pairs(mapped), expected);
        let within = "- rock:\n  - punk\n  metal: doom\n- pop\n";
        let expected =
            [pair("rock", None), pair("punk", Some("rock")), pair("metal", None), pair("doom", Some("metal"))];
        assert_eq!(pairs(within)[..4], expected);
    }

    #[test]
    fn what_is_no_tree_is_refused_with_its_line() {
        for (text, line, expected) in [
            ("- rock\n- [a, b]\n", 2, "one name a line"),
            ("rock\n", 1, "no item of a list"),
            ("- rock:\n\t- punk\n", 2, "tab"),
            ("- 'rock\n", 1, "quotation mark"),
            ("-\n", 1, "hyphen"),
            ("- \"a\" b\n", 1, "goes on"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!(wrong[0].line, line, "{text}");
            assert!(wrong[0].problem.contains(expected), "{text}: {wrong:?}");
        }
    }

    #[test]
    fn a_parent_becomes_a_related_tag() {
        let additions = additions(&parse("- rock:\n    - punk\n").unwrap()).unwrap();
        assert_eq!(additions[0].terms, Vec::<String>::new());
        assert_eq!((additions[1].tag.tag_name.as_str(), &additions[1].terms[..]), ("punk", &["rock".to_owned()][..]));
        assert_eq!(additions[1].section, Section::RelatedTags);
    }
}
