//! Picard's plugin Genre Mapper: a line `expression=genre` for each genre that has other names or spellings. For the plugin's
//! option "Match tests are entered as regular expressions": its wildcards cannot say all that stands in names.
//! Source: <https://picard-plugins-user-guides.readthedocs.io/en/latest/genre_mapper/user_guide.html>

use std::{collections::HashSet, fmt::Write};

use super::{Exported, beets::patterns, names::named_tags};
use crate::{domain::TagType, enrich::vocabulary::Vocabulary};

/// The plugin's replacement pairs.
pub fn pairs(vocabulary: &Vocabulary) -> Exported {
    let mut exported = Exported::default();
    let mut seen = HashSet::new();
    for tag in named_tags(vocabulary, Some(TagType::Genre)) {
        let patterns = patterns(tag.all(), &mut seen);
        if patterns.is_empty() {
            continue;
        }
        // The first `=` ends the expression; a later one belongs to the genre. Writing to a string does not fail.
        let _ = writeln!(exported.text, "^(?:{})$={}", patterns.join("|"), tag.name);
        exported.tags += 1;
    }
    exported
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_golden, vocabulary};
    use super::*;

    #[test]
    fn a_line_maps_all_names_of_a_genre() {
        assert_golden("picard.txt", &pairs(&vocabulary()).text);
    }
}
