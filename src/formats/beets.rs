//! beets' plugin `lastgenre`: the list of genres that it lets through, the tree by which it makes a rare genre a common one, and
//! the other names that it renames first. The plugin compares names in lower case.
//! Source: <https://beets.readthedocs.io/en/stable/plugins/lastgenre.html>

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use super::{
    Exported,
    names::{is_one_line, known_tags, named_tags, stand_ins},
    pattern::{is_flexible, pattern},
    yaml,
};
use crate::{
    domain::TagType,
    enrich::vocabulary::{Place, Vocabulary},
};

/// Spaces by which beets' own files indent a level.
const INDENT: usize = 4;

/// The option `whitelist`: the genres of the library, one a line.
pub fn whitelist(vocabulary: &Vocabulary) -> Exported {
    let mut exported = Exported::default();
    let mut seen = HashSet::new();
    for tag in named_tags(vocabulary, Some(TagType::Genre)) {
        let name = tag.name.to_lowercase();
        // A line that begins so is a comment.
        if name.starts_with('#') || !is_one_line(&name) {
            exported.left_out.push(tag.name.to_owned());
        } else if seen.insert(name.clone()) {
            exported.text.push_str(&name);
            exported.text.push('\n');
            exported.tags += 1;
        }
    }
    exported
}

/// The option `canonical`: every genre of the library and of the lexicon below its parent, once.
///
/// Of several parents the first counts by which an ancestor in the library is reached: the plugin looks no further than the
/// first place of a genre.
pub fn tree(vocabulary: &Vocabulary) -> Exported {
    let mut tree = Tree::default();
    let parents = Parents { vocabulary, stand_ins: stand_ins(vocabulary) };
    let name = |place: Place| vocabulary.at(place).name.to_lowercase();
    for tag in known_tags(vocabulary, TagType::Genre) {
        tree.add(name(tag.place), parents.of(tag.place).map(name));
    }
    let mut text = String::new();
    tree.write(&mut text);
    Exported { text, tags: tree.parents.len(), left_out: Vec::new() }
}

/// Names in lower case with the one that each stands below.
#[derive(Default)]
struct Tree {
    parents: HashMap<String, Option<String>>,
}

impl Tree {
    fn add(&mut self, name: String, parent: Option<String>) {
        // Names that differ by case alone are one; a name is not below itself.
        let parent = parent.filter(|parent| *parent != name);
        self.parents.entry(name).or_insert(parent);
    }

    /// Writes the names level by level, each list by name, without recursion: how deep a tree is, others decide.
    fn write(&self, text: &mut String) {
        let mut children: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        for (name, parent) in &self.parents {
            let parent = parent.as_deref().filter(|parent| self.parents.contains_key(*parent));
            children.entry(parent).or_default().push(name);
        }
        for names in children.values_mut() {
            names.sort_unstable();
            // The first stands last, for it is taken from the end.
            names.reverse();
        }
        let mut open: Vec<(usize, &str)> = Vec::new();
        open.extend(children.remove(&None::<&str>).into_iter().flatten().map(|name| (0, name)));
        if open.is_empty() {
            text.push_str("[]\n");
        }
        while let Some((level, name)) = open.pop() {
            let below = children.remove(&Some(name)).unwrap_or_default();
            let colon = if below.is_empty() { "" } else { ":" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:indent$}- {}{colon}", "", yaml::scalar(name), indent = level * INDENT);
            open.extend(below.into_iter().map(|name| (level + 1, name)));
        }
    }
}

/// Where genres stand.
struct Parents<'a> {
    vocabulary: &'a Vocabulary,
    /// The entries of the lexicon that the library has by another name.
    stand_ins: HashMap<Place, Place>,
}

impl Parents<'_> {
    /// The parent that a genre stands below.
    fn of(&self, place: Place) -> Option<Place> {
        let parents = self.vocabulary.parents(self.vocabulary.entry_of_alias(place).unwrap_or(place));
        let leads_home = |parent: &&Place| {
            let mut line = std::iter::once(**parent).chain(self.vocabulary.ancestors(**parent));
            line.any(|place| !self.vocabulary.is_suggestion(place) || self.stand_ins.contains_key(&place))
        };
        let parent = parents.iter().find(leads_home).or(parents.first())?;
        Some(*self.stand_ins.get(parent).unwrap_or(parent))
    }
}

/// The option `aliases`, as a part of beets' configuration: for each genre of the library and of the lexicon the expressions
/// that match its other names and the spellings of all of them.
pub fn aliases(vocabulary: &Vocabulary) -> Exported {
    let mut exported = Exported::default();
    let (mut seen, mut seen_patterns) = (HashSet::new(), HashSet::new());
    for tag in known_tags(vocabulary, TagType::Genre) {
        let name = tag.name.to_lowercase();
        let patterns = patterns(tag.all(), &mut seen_patterns);
        if patterns.is_empty() || !seen.insert(name.clone()) {
            continue;
        }
        if exported.text.is_empty() {
            exported.text.push_str("lastgenre:\n    aliases:\n");
        }
        // The key is a template of Python's `re`, in which a backslash is written twice.
        let template = yaml::scalar(&name.replace('\\', "\\\\"));
        // Writing to a string does not fail.
        let _ = writeln!(exported.text, "        {template}:");
        for pattern in patterns {
            let _ = writeln!(exported.text, "            - {}", yaml::quoted(&pattern));
        }
        exported.tags += 1;
    }
    if exported.text.is_empty() {
        exported.text.push_str("lastgenre:\n    aliases: {}\n");
    }
    exported
}

/// The expressions of a tag's names, its own first; that of the name only where it matches more than the name, and none that
/// an earlier tag has: two tags may differ by a hyphen alone.
pub(super) fn patterns<'a>(mut names: impl Iterator<Item = &'a str>, seen: &mut HashSet<String>) -> Vec<String> {
    let own = names.next().map(pattern).filter(|own| is_flexible(own));
    own.into_iter().chain(names.map(pattern)).filter(|pattern| seen.insert(pattern.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_golden, vocabulary, with_genres};
    use super::*;

    #[test]
    fn the_whitelist_is_the_genres_of_the_library() {
        assert_golden("beets-whitelist.txt", &whitelist(&vocabulary()).text);
    }

    #[test]
    fn the_aliases_are_a_part_of_the_configuration() {
        let all = aliases(&vocabulary());
        let own: Vec<&str> = all.text.lines().skip_while(|line| *line != "        drum and bass:").take(4).collect();
        assert_eq!(
            own,
            [
                "        drum and bass:",
                "            - \"drum[ '’‐./_-]*(?:&|and|et|n)[ '’‐./_-]*bass\"",
                "            - \"dnb\"",
                "            - \"d[ '’‐./_-]*(?:&|and|et|n)[ '’‐./_-]*b\"",
            ],
            "{}",
            all.text
        );
        assert!(all.text.starts_with("lastgenre:\n    aliases:\n"));
    }

    #[test]
    fn a_genre_stands_once_below_the_parent_that_leads_to_the_library() {
        let exported = tree(&vocabulary());
        let lines: Vec<&str> = exported.text.lines().collect();
        let at = |line: &str| lines.iter().position(|found| *found == line).unwrap_or_else(|| panic!("no `{line}`"));
        assert_eq!(lines.iter().filter(|line| line.trim_start().starts_with("- drum and bass")).count(), 1);
        // Below the line of its parent, deeper by a level.
        let depth = |line: &str| line.chars().take_while(|character| *character == ' ').count();
        let child = lines.iter().position(|line| line.trim() == "- techstep").unwrap();
        let parent = lines[..child].iter().rposition(|line| depth(line) < depth(lines[child])).unwrap();
        assert_eq!(lines[parent].trim(), "- drum and bass:");
        at("- \"say \\\"hi\\\": # loud\"");
    }

    #[test]
    fn a_genre_by_another_name_takes_the_place_of_it() {
        let exported = tree(&with_genres(&["dnb"]));
        let lines: Vec<&str> = exported.text.lines().collect();
        let at = lines.iter().position(|line| line.trim() == "- dnb:").unwrap();
        assert!(lines[at].starts_with("    -"), "below electronic");
        assert!(
            lines[at + 1..]
                .iter()
                .take_while(|line| line.starts_with("        "))
                .any(|line| line.trim() == "- techstep")
        );
        assert!(lines.iter().all(|line| !line.trim().starts_with("- drum and bass")));
    }

    #[test]
    fn what_a_format_cannot_hold_is_named() {
        let exported = whitelist(&with_genres(&["#1 hits", "a\u{2028}b", "Rock", "rock"]));
        assert_eq!((exported.text.as_str(), exported.tags), ("rock\n", 1));
        assert_eq!(exported.left_out, ["#1 hits", "a\u{2028}b"]);
    }
}
