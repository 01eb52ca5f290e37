//! One entry of the lexicon and the file's format: one JSON object a line, as `docs/LEXICON.md` says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Sure, lint::Problem};
use crate::domain::{Lang, Section, TagName, TagType, Term, key};

/// The same thing in each language; neither may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByLanguage<T> {
    pub(super) en: T,
    pub(super) fr: T,
}

impl<T> ByLanguage<T> {
    /// Both languages with their names.
    pub(super) fn both(&self) -> [(&'static str, &T); 2] {
        [("en", &self.en), ("fr", &self.fr)]
    }
}

/// What the lexicon says of one tag.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Where it stands in the file, counted from 1.
    #[serde(skip)]
    pub(super) line: usize,
    pub(super) tag_type: TagType,
    pub(super) name: TagName,
    pub(super) aliases: Vec<String>,
    /// Other names that mean other entries too: how far each means this one, 0 to 1.
    #[serde(default)]
    pub(super) shared_aliases: BTreeMap<String, f64>,
    pub(super) search_terms: ByLanguage<Vec<String>>,
    pub(super) related_tags: Vec<String>,
    pub(super) usage_context: ByLanguage<Vec<String>>,
    pub(super) translations: ByLanguage<Vec<String>>,
    pub(super) broader: Vec<String>,
    pub(super) description: ByLanguage<String>,
}

impl Entry {
    /// The names it goes by beside its own: aliases, then translations. What it shares is named apart.
    pub(super) fn other_names(&self) -> impl Iterator<Item = &String> {
        self.aliases.iter().chain(&self.translations.en).chain(&self.translations.fr)
    }

    /// The first occasions of each language, as terms of a tag that is not this one.
    pub(super) fn contexts(&self, most: usize, sure: Sure) -> impl Iterator<Item = Term> {
        let of = move |lang, texts: &Vec<String>| {
            let term = move |text: &String| sure.term(Section::UsageContext, Some(lang), text);
            texts.iter().take(most).map(term).collect::<Vec<_>>()
        };
        of(Lang::En, &self.usage_context.en).into_iter().chain(of(Lang::Fr, &self.usage_context.fr))
    }

    /// How far each key that is declared as shared means this entry.
    pub(super) fn shared_weights(&self) -> BTreeMap<String, f64> {
        self.shared_aliases.iter().map(|(alias, weight)| (key(alias), *weight)).collect()
    }
}

/// The entries of a file, and a problem for each line that is none.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<Problem>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines()) {
        match serde_json::from_str::<Entry>(text) {
            Ok(entry) => entries.push(Entry { line, ..entry }),
            Err(error) => {
                // What is no entry may still say which one it was meant to be.
                let name = serde_json::from_str::<serde_json::Value>(text)
                    .ok()
                    .and_then(|value| value["name"].as_str().map(str::to_owned))
                    .unwrap_or_default();
                problems.push(Problem { line, name, message: format!("no entry: {error}") });
            }
        }
    }
    (entries, problems)
}
