//! Elasticsearch: a synonyms set with a rule for each tag that has other names, in the format of Solr.
//! Source: <https://www.elastic.co/docs/api/elasticsearch/operation/operation-synonyms-put-synonym>

use serde::Serialize;

use super::{
    Exported, json_text,
    names::{NamedTag, tag_ids},
    solr,
};

/// The body of `PUT _synonyms/{set}`.
#[derive(Serialize)]
struct SynonymsSet {
    synonyms_set: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    id: String,
    synonyms: String,
}

/// The set.
pub fn synonyms_set(tags: &[NamedTag<'_>]) -> Exported {
    let (mut rules, mut left_out) = (Vec::new(), Vec::new());
    for (id, tag) in tag_ids(tags.iter()).zip(tags) {
        if let Some(synonyms) = solr::rule(tag, &mut left_out) {
            rules.push(Rule { id, synonyms });
        }
    }
    Exported { tags: rules.len(), text: json_text(&SynonymsSet { synonyms_set: rules }), left_out }
}

#[cfg(test)]
mod tests {
    use super::super::{
        named_tags,
        tests::{assert_golden, vocabulary},
    };
    use super::*;

    #[test]
    fn a_rule_is_escaped_within_json() {
        assert_golden("elasticsearch.json", &synonyms_set(&named_tags(&vocabulary(), None)).text);
    }
}
