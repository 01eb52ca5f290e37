//! Meilisearch: the setting `synonyms` of an index, each name with all others of its tag.
//! Source: <https://www.meilisearch.com/docs/capabilities/full_text_search/relevancy/synonyms>

use std::collections::BTreeMap;

use super::{Exported, json_text, names::NamedTag};

/// The body of `PUT /indexes/{index}/settings/synonyms`. Names are in lower case, as Meilisearch reads them.
pub fn synonyms(tags: &[NamedTag<'_>]) -> Exported {
    let mut synonyms: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for tag in tags.iter().filter(|tag| !tag.others.is_empty()) {
        let names: Vec<String> = tag.all().map(str::to_lowercase).collect();
        for name in &names {
            let others = synonyms.entry(name.clone()).or_default();
            // A genre and a mood may have one name.
            for other in names.iter().filter(|other| *other != name) {
                if !others.contains(other) {
                    others.push(other.clone());
                }
            }
        }
        count += 1;
    }
    Exported { text: json_text(&synonyms), tags: count, left_out: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::{
        named_tags,
        tests::{assert_golden, vocabulary},
    };
    use super::*;

    #[test]
    fn every_name_leads_to_the_others() {
        assert_golden("meilisearch.json", &synonyms(&named_tags(&vocabulary(), None)).text);
    }
}
