//! Synonyms in the format of Solr, which Lucene, Elasticsearch and OpenSearch read as well: `a, b, c` for names that mean each
//! other, `a, b => c` for names that stand for another; a backslash before a character that would part them.
//! Source: <https://solr.apache.org/guide/solr/latest/indexing-guide/filters.html#synonym-graph-filter>

use super::{
    Exported, Wrong,
    additions::Addition,
    names::{NamedTag, is_one_line},
};
use crate::domain::{Section, TagName, TagRef, TagType};

/// A synonyms file: a rule for each tag that has other names.
pub fn synonyms(tags: &[NamedTag<'_>]) -> Exported {
    let mut exported = Exported::default();
    for tag in tags {
        if let Some(rule) = rule(tag, &mut exported.left_out) {
            exported.text.push_str(&rule);
            exported.text.push('\n');
            exported.tags += 1;
        }
    }
    exported
}

/// The rule of a tag, `None` where it has one name. What no analyzer would leave anything of is put aside: one such name makes
/// Lucene refuse the whole file.
pub(super) fn rule(tag: &NamedTag<'_>, left_out: &mut Vec<String>) -> Option<String> {
    let is_word = |name: &&str| name.contains(char::is_alphanumeric) && is_one_line(name);
    let names: Vec<&str> = tag.all().filter(is_word).collect();
    if !tag.others.is_empty() {
        left_out.extend(tag.all().filter(|name| !is_word(name)).map(str::to_owned));
    }
    (names.len() > 1).then(|| names.into_iter().map(escaped).collect::<Vec<_>>().join(", "))
}

/// A name that no comma, arrow, backslash or number sign in it takes apart.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (at, character) in name.char_indices() {
        let parts = matches!(character, ',' | '\\') || name[at..].starts_with("=>") || (at == 0 && character == '#');
        if parts {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A line of a synonyms file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number, from 1.
    pub line: u64,
    /// The names before the arrow, or all of them.
    pub names: Vec<String>,
    /// The names after the arrow, where there is one.
    pub stands_for: Option<Vec<String>>,
}

/// Reads the rules of a file.
///
/// # Errors
/// All lines that are none.
pub fn parse(text: &str) -> Result<Vec<Rule>, Vec<Wrong>> {
    let (mut rules, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match parse_rule(number, line) {
            Ok(rule) => rules.push(rule),
            Err(problem) => wrong.push(Wrong::new(number, problem)),
        }
    }
    if wrong.is_empty() { Ok(rules) } else { Err(wrong) }
}

fn parse_rule(line: u64, text: &str) -> Result<Rule, String> {
    let names = |side: &str| -> Vec<String> {
        split(side, ",").into_iter().map(unescaped).filter(|name| !name.is_empty()).collect()
    };
    let sides: Vec<Vec<String>> = split(text, "=>").into_iter().map(names).collect();
    if sides.len() > 2 {
        return Err("it has more than one arrow: write a line for each".to_owned());
    }
    if sides.iter().any(Vec::is_empty) {
        return Err("there is no name, or none on one side of the arrow".to_owned());
    }
    let mut sides = sides.into_iter();
    Ok(Rule { line, names: sides.next().unwrap_or_default(), stands_for: sides.next() })
}

/// The parts of a text between separators; what a backslash stands before separates nothing.
fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(separator) {
            parts.push(&text[start..at]);
            at += separator.len();
            start = at;
            continue;
        }
        let mut characters = rest.chars();
        let first = characters.next();
        at += first.map_or(0, char::len_utf8);
        if first == Some('\\') {
            at += characters.next().map_or(0, char::len_utf8);
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A name without the backslashes that protect it.
fn unescaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().unwrap_or('\\')),
            character => text.push(character),
        }
    }
    text.trim().to_owned()
}

/// What the rules say of tags: other names. The tag of `a, b => c` is `c`; of `a, b, c` the first that is one, else the first
/// of all. `known` finds a tag of the library by its name.
///
/// # Errors
/// All rules whose tag cannot be told, and names that break the rules of names.
pub fn additions(
    rules: &[Rule],
    tag_type: Option<TagType>,
    known: impl Fn(&str) -> Option<TagRef>,
) -> Result<Vec<Addition>, Vec<Wrong>> {
    let (mut additions, mut wrong) = (Vec::new(), Vec::new());
    for rule in rules {
        let targets: Vec<&String> = match &rule.stands_for {
            Some(targets) => targets.iter().collect(),
            None => rule.names.iter().find(|name| known(name).is_some()).or(rule.names.first()).into_iter().collect(),
        };
        for target in targets {
            // `a => a, b` says of b that it is called a, and nothing of a.
            if rule.stands_for.is_some() && rule.names.contains(target) {
                continue;
            }
            match tag(target, tag_type, &known) {
                Err(problem) => wrong.push(Wrong::new(rule.line, problem)),
                Ok(tag) => {
                    let terms = rule.names.iter().filter(|name| *name != target).cloned().collect();
                    additions.push(Addition { line: rule.line, tag, section: Section::SearchTerms, terms });
                }
            }
        }
    }
    if wrong.is_empty() { Ok(additions) } else { Err(wrong) }
}

/// The tag of a name: one of the library, else a new one of this type.
fn tag(name: &str, tag_type: Option<TagType>, known: impl Fn(&str) -> Option<TagRef>) -> Result<TagRef, String> {
    if let Some(tag) = known(name) {
        return Ok(tag);
    }
    let tag_name = TagName::parse(name).map_err(|error| error.to_string())?;
    match tag_type {
        Some(tag_type) => Ok(TagRef { tag_type, tag_name }),
        None => {
            Err(format!("`{}` is no tag yet: say with --type whether it is a genre or a mood", name.escape_debug()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        named_tags,
        tests::{assert_golden, vocabulary},
    };
    use super::*;

    fn rules(text: &str) -> Vec<(Vec<String>, Option<Vec<String>>)> {
        parse(text).unwrap().into_iter().map(|rule| (rule.names, rule.stands_for)).collect()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_holds_the_names_of_a_tag() {
        assert_golden("solr.txt", &synonyms(&named_tags(&vocabulary(), None)).text);
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let tags_of = vocabulary();
        let tags = named_tags(&tags_of, None);
        let exported = synonyms(&tags);
        let written: Vec<Vec<&str>> =
            tags.iter().filter(|tag| !tag.others.is_empty()).map(|tag| tag.all().collect()).collect();
        let read: Vec<Vec<String>> = rules(&exported.text).into_iter().map(|(names, _)| names).collect();
        assert_eq!(read, written);
        assert!(written.iter().flatten().any(|name| name.contains(", ")), "a comma is among them");
        assert!(written.iter().flatten().any(|name| name.contains("=>")), "an arrow is among them");
        assert!(written.iter().flatten().any(|name| name.contains('\\')), "a backslash is among them");
        assert!(written.iter().flatten().any(|name| name.starts_with('#')), "a number sign is among them");
    }

    #[test]
    fn rules_of_other_hands_are_read() {
        let text = "# a comment\n\ni-pod, i pod => ipod\r\nuniverse , cosmos,\nfoo => foo bar, baz\na\\,b,c\\=>d\n";
        assert_eq!(
            rules(text),
            [
                (words(&["i-pod", "i pod"]), Some(words(&["ipod"]))),
                (words(&["universe", "cosmos"]), None),
                (words(&["foo"]), Some(words(&["foo bar", "baz"]))),
                (words(&["a,b", "c=>d"]), None),
            ]
        );
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = parse("a => b => c\n=> b\na =>\nfine, good\n").unwrap_err();
        let lines: Vec<u64> = wrong.iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert!(wrong[0].problem.contains("more than one arrow"), "{wrong:?}");
    }

    #[test]
    fn the_tag_of_a_rule_is_the_one_that_is_known() {
        let known = |name: &str| {
            let tag_name = TagName::parse(name).unwrap();
            (name == "drum and bass").then_some(TagRef { tag_type: TagType::Genre, tag_name })
        };
        let of = |text: &str, tag_type| additions(&parse(text).unwrap(), tag_type, known);
        let [addition] = &of("dnb, drum and bass, jungle", None).unwrap()[..] else { panic!() };
        assert_eq!(addition.tag.tag_name.as_str(), "drum and bass");
        assert_eq!(addition.terms, ["dnb", "jungle"]);
        let [addition] = &of("dnb => dnb, drum and bass", None).unwrap()[..] else { panic!() };
        assert_eq!((addition.tag.tag_name.as_str(), &addition.terms[..]), ("drum and bass", &words(&["dnb"])[..]));
        let [addition] = &of("calm, quiet", Some(TagType::Mood)).unwrap()[..] else { panic!() };
        assert_eq!((addition.tag.tag_type, addition.tag.tag_name.as_str()), (TagType::Mood, "calm"));
        let wrong = of("calm, quiet", None).unwrap_err();
        assert!(wrong[0].problem.contains("--type"), "{wrong:?}");
    }
}
