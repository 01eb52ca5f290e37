//! Typesense: a synonym set with an item for each tag that has other names, all of which mean each other.
//! Source: <https://typesense.org/docs/30.0/api/synonyms.html>

use serde::Serialize;

use super::{
    Exported, json_text,
    names::{NamedTag, tag_ids},
};

/// The body of `PUT /synonym_sets/{name}` (version 30 and later).
#[derive(Serialize)]
struct SynonymSet<'a> {
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: String,
    synonyms: Vec<&'a str>,
}

/// The set. Each item is what earlier versions take as the body of `PUT /collections/{collection}/synonyms/{id}`.
pub fn synonym_set(tags: &[NamedTag<'_>]) -> Exported {
    let with_others = || tags.iter().filter(|tag| !tag.others.is_empty());
    let items: Vec<Item<'_>> =
        tag_ids(with_others()).zip(with_others()).map(|(id, tag)| Item { id, synonyms: tag.all().collect() }).collect();
    Exported { tags: items.len(), text: json_text(&SynonymSet { items }), left_out: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::{
        named_tags,
        tests::{assert_golden, vocabulary},
    };
    use super::*;

    #[test]
    fn an_item_holds_all_names_of_a_tag() {
        assert_golden("typesense.json", &synonym_set(&named_tags(&vocabulary(), None)).text);
    }
}
