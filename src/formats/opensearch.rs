//! OpenSearch: the settings of an index whose searches know the names of tags: a token filter with the rules in the format of
//! Solr, and an analyzer that has it. Elasticsearch takes them as well.
//! Source: <https://docs.opensearch.org/latest/analyzers/token-filters/synonym-graph/>

use serde_json::json;

use super::{Exported, json_text, names::NamedTag, solr};

/// The body of `PUT /{index}`, or the part of it for the `settings`.
pub fn settings(tags: &[NamedTag<'_>]) -> Exported {
    let mut left_out = Vec::new();
    let rules: Vec<String> = tags.iter().filter_map(|tag| solr::rule(tag, &mut left_out)).collect();
    let count = rules.len();
    let settings = json!({
        "settings": {
            "analysis": {
                "filter": { "musonym_tags": { "type": "synonym_graph", "synonyms": rules } },
                // Lower case first, for the rules are read by the filters before them, too.
                "analyzer": {
                    "musonym_search": {
                        "type": "custom", "tokenizer": "whitespace", "filter": ["lowercase", "musonym_tags"],
                    }
                }
            }
        }
    });
    Exported { text: json_text(&settings), tags: count, left_out }
}

#[cfg(test)]
mod tests {
    use super::super::{
        named_tags,
        tests::{assert_golden, vocabulary},
    };
    use super::*;

    #[test]
    fn the_rules_stand_in_a_filter() {
        assert_golden("opensearch.json", &settings(&named_tags(&vocabulary(), None)).text);
    }
}
