//! The rules of the lexicon that a program can check. `docs/LEXICON.md` states them, and those that only a reader can.

mod similar;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::entry::{Entry, parse};
use crate::domain::{TagType, key};
use similar::{similar_sets, trigrams};

/// Longest term, in characters: it is shown in lists and typed into search boxes.
const MAX_TERM_CHARS: usize = 60;

/// The largest share of entries that one usage context may stand in: what fits everything finds nothing.
pub(crate) const MAX_CONTEXT_SHARE: f64 = 0.08;

/// Below this many entries a share says nothing.
pub(crate) const MIN_ENTRIES_FOR_SHARES: usize = 50;

/// Jaccard similarity of trigrams above which two descriptions count as the same text.
const MAX_DESCRIPTION_SIMILARITY: f64 = 0.8;

/// Weights are written with two decimals; a sum of them may miss 1 by less than that.
const WEIGHT_TOLERANCE: f64 = 1e-6;

/// Something in the lexicon that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// The entry's name; empty where a line says none.
    pub name: String,
    /// The rule it breaks, and by what.
    pub message: String,
}

impl Problem {
    fn of(entry: &Entry, message: String) -> Self {
        Self { line: entry.line, name: entry.name.to_string(), message }
    }
}

/// Every problem of a lexicon in the format of `docs/LEXICON.md`, in the order of its lines.
pub fn check(text: &str) -> Vec<Problem> {
    let (entries, mut problems) = parse(text);
    problems.extend(lint(&entries));
    problems.sort();
    problems
}

/// Every rule over entries that could be read.
pub(super) fn lint(entries: &[Entry]) -> Vec<Problem> {
    let names = Names::of(entries);
    let mut problems = Vec::new();
    for entry in entries {
        empty_sections(entry, &mut problems);
        terms(entry, &mut problems);
        own_names(entry, &mut problems);
    }
    unique_names(entries, &names, &mut problems);
    order(entries, &mut problems);
    shared_names(entries, &names, &mut problems);
    broader(entries, &names, &mut problems);
    frequent_contexts(entries, &mut problems);
    similar_descriptions(entries, &mut problems);
    problems
}

/// Which entry each name key belongs to: the first that has it.
struct Names<'a>(HashMap<(TagType, String), &'a Entry>);

impl<'a> Names<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let mut names = HashMap::new();
        for entry in entries {
            names.entry((entry.tag_type, entry.name.key())).or_insert(entry);
        }
        Self(names)
    }

    fn get(&self, tag_type: TagType, key: String) -> Option<&'a Entry> {
        self.0.get(&(tag_type, key)).copied()
    }
}

/// The lists of an entry with the names of their sections, for what holds of every term.
fn lists(entry: &Entry) -> Vec<(String, Vec<&String>)> {
    let mut lists = vec![
        ("aliases".to_owned(), entry.aliases.iter().collect()),
        ("shared_aliases".to_owned(), entry.shared_aliases.keys().collect()),
        ("related_tags".to_owned(), entry.related_tags.iter().collect()),
        ("broader".to_owned(), entry.broader.iter().collect()),
    ];
    for (section, by_language) in sections(entry) {
        for (lang, terms) in by_language.both() {
            lists.push((format!("{section}.{lang}"), terms.iter().collect::<Vec<_>>()));
        }
    }
    lists
}

fn sections(entry: &Entry) -> [(&'static str, &super::entry::ByLanguage<Vec<String>>); 3] {
    [
        ("search_terms", &entry.search_terms),
        ("usage_context", &entry.usage_context),
        ("translations", &entry.translations),
    ]
}

fn empty_sections(entry: &Entry, problems: &mut Vec<Problem>) {
    let mut empty = Vec::new();
    for (section, by_language) in sections(entry) {
        empty.extend(
            by_language.both().iter().filter(|(_, terms)| terms.is_empty()).map(|(l, _)| format!("{section}.{l}")),
        );
    }
    let blank = entry.description.both().into_iter().filter(|(_, text)| text.trim().is_empty());
    empty.extend(blank.map(|(lang, _)| format!("description.{lang}")));
    if entry.related_tags.is_empty() {
        empty.push("related_tags".to_owned());
    }
    problems.extend(empty.into_iter().map(|section| Problem::of(entry, format!("{section} is empty"))));
}

fn terms(entry: &Entry, problems: &mut Vec<Problem>) {
    for (section, terms) in lists(entry) {
        let mut seen = HashSet::new();
        for term in terms {
            let mut say = |what: String| problems.push(Problem::of(entry, format!("{section}: {term:?} {what}")));
            let length = term.chars().count();
            if length > MAX_TERM_CHARS {
                say(format!("has {length} characters, at most {MAX_TERM_CHARS} are allowed"));
            }
            if term.chars().any(char::is_control) {
                say("has a control character".to_owned());
            }
            let key = key(term);
            if key.is_empty() {
                say("has nothing to read".to_owned());
            } else if !seen.insert(key) {
                say("stands there twice, perhaps in another spelling".to_owned());
            }
        }
    }
    for (lang, text) in entry.description.both() {
        if text.chars().any(char::is_control) {
            problems.push(Problem::of(entry, format!("description.{lang} has a control character")));
        }
    }
}

/// Aliases against the entry's own name.
fn own_names(entry: &Entry, problems: &mut Vec<Problem>) {
    let own = entry.name.key();
    for alias in entry.aliases.iter().chain(entry.shared_aliases.keys()).filter(|alias| key(alias) == own) {
        problems.push(Problem::of(entry, format!("alias {alias:?} is a spelling of the name itself")));
    }
}

fn unique_names(entries: &[Entry], names: &Names<'_>, problems: &mut Vec<Problem>) {
    for entry in entries {
        let first = names.get(entry.tag_type, entry.name.key());
        if let Some(first) = first.filter(|first| first.line != entry.line) {
            problems
                .push(Problem::of(entry, format!("{:?} of line {} has the same key", first.name.as_str(), first.line)));
        }
    }
}

/// The file is sorted by type, then by the name's key, so that two people's additions meet in one place.
fn order(entries: &[Entry], problems: &mut Vec<Problem>) {
    for pair in entries.windows(2) {
        let [before, entry] = pair else { continue };
        if (entry.tag_type, entry.name.key()) < (before.tag_type, before.name.key()) {
            let message = format!("comes before {:?} in the order of types and keys", before.name.as_str());
            problems.push(Problem::of(entry, message));
        }
    }
}

/// What stands under several entries is declared by each of them, with weights that sum to at most 1.
fn shared_names(entries: &[Entry], names: &Names<'_>, problems: &mut Vec<Problem>) {
    let mut holders: BTreeMap<(TagType, String), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let keys: HashSet<String> =
            entry.other_names().chain(entry.shared_aliases.keys()).map(|alias| key(alias)).collect();
        for key in keys {
            holders.entry((entry.tag_type, key)).or_default().push(entry);
        }
    }
    for ((tag_type, alias), holders) in holders {
        let owner = names.get(tag_type, alias.clone());
        // The entry whose name it is may have it among its translations, too.
        let holders: Vec<&Entry> =
            holders.into_iter().filter(|entry| owner.is_none_or(|owner| owner.line != entry.line)).collect();
        let means_others = owner.is_some() || holders.len() > 1;
        let mut sum = 0.0;
        for entry in &holders {
            let weight = entry.shared_weights().get(&alias).copied();
            if weight.is_none() && means_others {
                let others = holders.iter().filter(|other| other.line != entry.line).copied().chain(owner);
                let others: Vec<&str> = others.map(|other| other.name.as_str()).collect();
                let message = format!("alias with the key {alias:?} also means {}: shared_aliases", others.join(", "));
                problems.push(Problem::of(entry, message));
            }
            if weight.is_some() && entry.aliases.iter().any(|written| key(written) == alias) {
                let message = format!("alias with the key {alias:?} stands in aliases and in shared_aliases");
                problems.push(Problem::of(entry, message));
            }
            // Written so that what is no number fails as well.
            if let Some(weight) = weight.filter(|weight| !(*weight > 0.0 && *weight <= 1.0)) {
                let message = format!("shared alias with the key {alias:?} weighs {weight}, not between 0 and 1");
                problems.push(Problem::of(entry, message));
            }
            sum += weight.unwrap_or_default();
        }
        if let Some(last) = holders.last().filter(|_| sum > 1.0 + WEIGHT_TOLERANCE) {
            let message = format!("the weights of shared alias {alias:?} sum to {sum:.2} over all entries, above 1");
            problems.push(Problem::of(last, message));
        }
    }
}

/// Parents are entries, and nothing is its own ancestor.
fn broader(entries: &[Entry], names: &Names<'_>, problems: &mut Vec<Problem>) {
    let parents = |entry: &Entry| -> Vec<&Entry> {
        entry.broader.iter().filter_map(|name| names.get(entry.tag_type, key(name))).collect()
    };
    for entry in entries {
        for name in entry.broader.iter().filter(|name| names.get(entry.tag_type, key(name)).is_none()) {
            problems.push(Problem::of(entry, format!("broader {name:?} is the name of no {} here", entry.tag_type)));
        }
        let mut above = parents(entry);
        let mut seen = HashSet::new();
        while let Some(ancestor) = above.pop() {
            if ancestor.line == entry.line {
                problems.push(Problem::of(entry, "is among its own broader genres".to_owned()));
                break;
            }
            if seen.insert(ancestor.line) {
                above.extend(parents(ancestor));
            }
        }
    }
}

fn frequent_contexts(entries: &[Entry], problems: &mut Vec<Problem>) {
    if entries.len() < MIN_ENTRIES_FOR_SHARES {
        return;
    }
    let mut holders: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let contexts = entry.usage_context.en.iter().chain(&entry.usage_context.fr);
        for context in contexts.map(|context| key(context)).collect::<HashSet<_>>() {
            holders.entry(context).or_default().push(entry);
        }
    }
    for (context, holders) in holders {
        #[expect(clippy::cast_precision_loss, reason = "counts of entries are small")]
        let share = holders.len() as f64 / entries.len() as f64;
        if let Some(first) = holders.first().filter(|_| share > MAX_CONTEXT_SHARE) {
            let message =
                format!("usage context {context:?} stands in {} entries, too many to tell any", holders.len());
            problems.push(Problem::of(first, message));
        }
    }
}

/// Descriptions of one language that are nearly one text.
fn similar_descriptions(entries: &[Entry], problems: &mut Vec<Problem>) {
    for place in 0..2 {
        let texts: Vec<(&'static str, &String)> = entries.iter().map(|entry| entry.description.both()[place]).collect();
        let trigrams: Vec<HashSet<[char; 3]>> = texts.iter().map(|(_, text)| trigrams(text)).collect();
        for (first, second, similarity) in similar_sets(&trigrams, MAX_DESCRIPTION_SIMILARITY) {
            let (entry, like) = (&entries[second], entries[first].name.as_str());
            let message = format!("description.{} is that of {like:?} ({similarity:.2})", texts[second].0);
            problems.push(Problem::of(entry, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An entry without a fault; `changes` replaces fields.
    fn entry(name: &str, changes: &Value) -> Value {
        let mut entry = json!({
            "tag_type": "genre", "name": name, "aliases": [],
            "search_terms": {"en": ["loud"], "fr": ["fort"]},
            "related_tags": ["noise"],
            "usage_context": {"en": ["dish washing"], "fr": ["vaisselle"]},
            "translations": {"en": [format!("{name} music")], "fr": [format!("musique {name}")]},
            "broader": [],
            "description": {"en": format!("{name} is {name}, {name} in all."), "fr": format!("{name} reste {name}.")},
        });
        for (field, value) in changes.as_object().unwrap() {
            entry[field] = value.clone();
        }
        entry
    }

    fn check_all(entries: &[Value]) -> Vec<Problem> {
        check(&entries.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"))
    }

    /// That these entries have exactly this problem, at this line.
    #[track_caller]
    fn assert_problem(entries: &[Value], line: usize, message: &str) {
        let problems = check_all(entries);
        let [problem] = &problems[..] else { panic!("one problem, not {problems:#?}") };
        assert!(problem.line == line && problem.message.contains(message), "{problem:?}");
    }

    #[test]
    fn the_built_in_lexicon_has_no_problems() {
        let problems: Vec<String> = check(super::super::LEXICON)
            .into_iter()
            .map(|Problem { line, name, message }| format!("{line}: {name}: {message}"))
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn entries_without_a_fault_pass() {
        let aa = entry("aa", &json!({"shared_aliases": {"cc": 0.6}, "broader": ["bb"]}));
        let bb = entry("bb", &json!({"shared_aliases": {"CC": 0.4}, "translations": {"en": ["bb"], "fr": ["cc"]}}));
        assert_eq!(check_all(&[aa, bb]), []);
    }

    #[test]
    fn a_section_is_in_both_languages() {
        let one = json!({"search_terms": {"en": ["loud"]}});
        assert_problem(&[entry("aa", &one)], 1, "missing field `fr`");
        let one = json!({"description": {"en": "Loud.", "fr": " "}});
        assert_problem(&[entry("aa", &one)], 1, "description.fr is empty");
        assert_eq!(check_all(&[entry("aa", &json!({"description": {}}))])[0].name, "aa");
    }

    #[test]
    fn no_section_is_empty() {
        for section in ["search_terms", "usage_context", "translations"] {
            let changes = json!({section: {"en": ["x"], "fr": []}});
            assert_problem(&[entry("aa", &changes)], 1, &format!("{section}.fr is empty"));
        }
        assert_problem(&[entry("aa", &json!({"related_tags": []}))], 1, "related_tags is empty");
    }

    #[test]
    fn an_unknown_field_or_type_is_no_entry() {
        assert_problem(&[entry("aa", &json!({"era": "1990s"}))], 1, "unknown field `era`");
        assert_problem(&[entry("aa", &json!({"tag_type": "place"}))], 1, "unknown variant `place`");
    }

    #[test]
    fn names_are_unique_within_a_type() {
        let again = json!({"translations": {"en": ["x"], "fr": ["y"]}, "description": {"en": "One.", "fr": "Deux."}});
        assert_problem(&[entry("a b", &json!({})), entry("A-B", &again)], 2, "of line 1 has the same key");
        let mood = json!({"tag_type": "mood", "description": {"en": "One.", "fr": "Deux."}});
        assert_eq!(check_all(&[entry("a b", &json!({})), entry("A-B", &mood)]), []);
    }

    #[test]
    fn entries_stand_in_the_order_of_their_keys() {
        assert_problem(&[entry("bb", &json!({})), entry("aa", &json!({}))], 2, "comes before \"bb\"");
    }

    #[test]
    fn a_term_is_short_and_readable_and_stands_once() {
        assert_problem(&[entry("aa", &json!({"aliases": ["x".repeat(61)]}))], 1, "has 61 characters");
        assert_problem(&[entry("aa", &json!({"related_tags": ["a\tb"]}))], 1, "has a control character");
        assert_problem(&[entry("aa", &json!({"aliases": [" "]}))], 1, "has nothing to read");
        assert_problem(&[entry("aa", &json!({"aliases": ["x-y", "X Y"]}))], 1, "stands there twice");
        let description = json!({"description": {"en": "One\nTwo", "fr": "Un"}});
        assert_problem(&[entry("aa", &description)], 1, "description.en has a control character");
    }

    #[test]
    fn an_alias_is_more_than_a_spelling_of_the_name() {
        assert_problem(&[entry("a and b", &json!({"aliases": ["A & B"]}))], 1, "spelling of the name itself");
    }

    #[test]
    fn an_alias_of_two_entries_is_declared_by_both() {
        let alias = |weight: f64| json!({"shared_aliases": {"cc": weight}});
        let bare = json!({"aliases": ["c.c."]});
        assert_problem(&[entry("aa", &bare), entry("bb", &alias(0.5))], 1, "also means bb");
        let translated = json!({"translations": {"en": ["aa"], "fr": ["CC"]}});
        assert_problem(&[entry("aa", &translated), entry("bb", &alias(0.5))], 1, "also means bb");
        assert_problem(&[entry("aa", &alias(0.6)), entry("bb", &alias(0.5))], 2, "sum to 1.10");
        assert_problem(&[entry("aa", &alias(0.0))], 1, "weighs 0");
        let both = json!({"aliases": ["cc"], "shared_aliases": {"cc": 0.5}});
        assert_problem(&[entry("aa", &both)], 1, "stands in aliases and in shared_aliases");
    }

    #[test]
    fn the_name_of_another_entry_is_declared_by_the_one_that_borrows_it() {
        let owner = entry("bb", &json!({"translations": {"en": ["bb"], "fr": ["bb"]}}));
        assert_problem(&[entry("aa", &json!({"aliases": ["bb"]})), owner.clone()], 1, "also means bb");
        assert_eq!(check_all(&[entry("aa", &json!({"shared_aliases": {"bb": 0.3}})), owner]), []);
    }

    #[test]
    fn broader_names_are_entries_without_a_circle() {
        assert_problem(&[entry("aa", &json!({"broader": ["zz"]}))], 1, "is the name of no genre");
        let circle = [
            entry("aa", &json!({"broader": ["bb"]})),
            entry("bb", &json!({"broader": ["aa"]})),
            entry("cc", &json!({"broader": ["aa"]})),
        ];
        let lines: Vec<usize> = check_all(&circle).iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn a_usage_context_does_not_stand_everywhere() {
        let entries = |of: usize| -> Vec<Value> {
            let one = |number: usize| {
                // Texts without a likeness: multiples of 2^32 divided by the golden ratio, as hexadecimal words.
                let word = |place: usize| format!("{:08x}", (number * 30 + place) * 2_654_435_769 % (1 << 32));
                let text = |from: usize| (from..from + 9).map(word).collect::<Vec<_>>().join(" ");
                let context = if number < of { "road trip".to_owned() } else { word(20) };
                let changes = json!({
                    "usage_context": {"en": [context], "fr": [word(21)]},
                    "description": {"en": text(0), "fr": text(10)},
                });
                entry(&format!("n{number:03}"), &changes)
            };
            (0..100).map(one).collect()
        };
        assert_eq!(check_all(&entries(8)), []);
        assert_problem(&entries(9), 1, "\"roadtrip\" stands in 9 entries");
    }

    #[test]
    fn two_entries_do_not_share_a_description() {
        let described = |text: &str| json!({"description": {"en": text, "fr": format!("{text} fr {}", text.len())}});
        let first = entry("aa", &described("Slow guitars drenched in reverb from northern England."));
        let second = entry("bb", &described("Slow guitars, drenched in REVERB, from northern England!"));
        let problems = check_all(&[first, second]);
        assert!(problems[0].line == 2 && problems[0].message.contains("that of \"aa\""), "{problems:?}");
    }
}
