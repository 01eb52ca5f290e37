//! Names that mean several tags: duplicates, and aliases that are names of others or are claimed twice.

use std::collections::{BTreeMap, HashSet};

use super::{
    finding::{Finding, FindingKind, FoundTag, Mend},
    mend,
    vocabulary::{Held, Holders, KnownTag, RowTerm, Vocabulary},
};
use crate::domain::TagType;

/// Tags of one type whose names are spellings of one: each but the one that stays, with the merge that makes one of two.
pub(super) fn duplicates(vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in vocabulary.duplicates() {
        let Some(stays) = group.iter().min_by_key(|known| (!known.by_person, known.tag.tag_id)) else { continue };
        findings.extend(group.iter().filter(|goes| goes.tag != stays.tag).map(|goes| duplicate(goes, stays)));
    }
    findings
}

fn duplicate(goes: &KnownTag, stays: &KnownTag) -> Finding {
    let (from, into) = (&goes.tag, &stays.tag);
    let why = format!(
        "`{}` and `{}` are spellings of one name (key `{}`): requests reach the one that they spell, or the older.",
        from.tag_name, into.tag_name, stays.key
    );
    let text = format!("Merge `{}` into `{}`, which takes over its terms.", from.tag_name, into.tag_name);
    about_tags(FindingKind::DuplicateTag, vec![from.clone(), into.clone()], why, mend::merge(from, into, false, text))
}

/// A finding about whole tags.
pub(super) fn about_tags(kind: FindingKind, tags: Vec<FoundTag>, why: String, mend: Mend) -> Finding {
    let tag_count = tags.len();
    Finding { kind, tags, tag_count, section: None, lang: None, term: None, other_terms: Vec::new(), why, mend }
}

/// The aliases of a tag that are names of other tags of its type, each key once.
pub(super) fn aliases_that_are_names(
    tag: &FoundTag,
    own_key: &str,
    terms: &[RowTerm<'_>],
    vocabulary: &Vocabulary,
) -> Vec<Finding> {
    let mut met: HashSet<&str> = HashSet::new();
    let aliases = terms.iter().filter(|term| term.is_alias() && term.key != own_key);
    aliases
        .filter_map(|term| {
            let other = vocabulary.named(tag.tag_type, &term.key).next()?;
            met.insert(&term.key).then(|| alias_is_name(tag, term, &other.tag, vocabulary))
        })
        .collect()
}

fn alias_is_name(tag: &FoundTag, term: &RowTerm<'_>, other: &FoundTag, vocabulary: &Vocabulary) -> Finding {
    let (from, into) = vocabulary.goes_and_stays(tag, other);
    let why = format!(
        "`{}` is an alias of `{}` and the name of `{}`: who searches for it finds the latter first.",
        term.term, tag.tag_name, other.tag_name
    );
    let text = format!(
        "If they are one, merge `{}` into `{}` (without --dry-run); else take the term out: PUT /api/synonyms/{} with the other terms.",
        from.tag_name,
        into.tag_name,
        tag.synonym_id.unwrap_or_default()
    );
    Finding {
        kind: FindingKind::AliasIsName,
        tags: vec![tag.clone(), other.clone()],
        tag_count: 2,
        section: Some(term.section),
        lang: term.lang,
        term: Some(term.term.to_owned()),
        other_terms: Vec::new(),
        why,
        mend: mend::merge(from, into, true, text),
    }
}

/// Takes in the aliases of a tag that others claim, too; those that are the name of a tag are found by themselves.
pub(super) fn collect_shared(
    tag: &FoundTag,
    own_key: &str,
    terms: &[RowTerm<'_>],
    vocabulary: &Vocabulary,
    shared: &mut Holders,
) {
    let mut met: HashSet<&str> = HashSet::new();
    for term in terms.iter().filter(|term| term.is_alias() && term.key != own_key) {
        let claimed =
            vocabulary.is_shared(tag.tag_type, &term.key) && vocabulary.named(tag.tag_type, &term.key).next().is_none();
        if claimed && met.insert(&term.key) {
            shared.add(tag, term);
        }
    }
}

/// One finding for each group of tags that claim the same aliases: two tags of one meaning often share a dozen.
pub(super) fn shared(shared: Holders, vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut groups: BTreeMap<(TagType, Vec<i64>, usize), Vec<Held>> = BTreeMap::new();
    for (tag_type, held) in shared.into_iter().filter(|(_, held)| held.count > 1) {
        let ids = held.tags.iter().map(|tag| tag.tag_id).collect();
        groups.entry((tag_type, ids, held.count)).or_default().push(held);
    }
    groups.into_iter().filter_map(|((tag_type, ..), group)| shared_by(tag_type, group, vocabulary)).collect()
}

fn shared_by(tag_type: TagType, group: Vec<Held>, vocabulary: &Vocabulary) -> Option<Finding> {
    let mut group = group.into_iter();
    let Held { section, lang, term, tags, count } = group.next()?;
    let other_terms: Vec<String> = group.map(|held| held.term).collect();
    let terms: Vec<&str> = std::iter::once(&term).chain(&other_terms).map(String::as_str).collect();
    let claimed = if terms.len() > 1 { format!("{} aliases", terms.len()) } else { "the alias".to_owned() };
    let why = format!("{} claim {claimed} {}: {}.", tags_of(count, tag_type), quoted(&terms), list(&tags, count));
    let text = "Leave it with the tag that it names, and take it out of the others: PUT /api/synonyms/{id} with the other terms.";
    let mend = match &tags[..] {
        [one, other] => {
            let (from, into) = vocabulary.goes_and_stays(one, other);
            mend::merge(from, into, true, format!("If they are one, merge them (without --dry-run). {text}"))
        }
        _ => mend::decide(format!("{text} Those of the tags that are one can be merged (`musonym tags merge`).")),
    };
    let kind = FindingKind::SharedAlias;
    let term = Some(term);
    Some(Finding { kind, tags, tag_count: count, section: Some(section), lang, term, other_terms, why, mend })
}

/// `3 genres`.
pub(super) fn tags_of(count: usize, tag_type: TagType) -> String {
    format!("{count} {tag_type}{}", if count == 1 { "" } else { "s" })
}

/// The first few names, and how many more.
pub(super) fn list(tags: &[FoundTag], count: usize) -> String {
    let names: Vec<&str> = tags.iter().map(|tag| tag.tag_name.as_str()).collect();
    quoted_of(&names, count)
}

fn quoted(texts: &[&str]) -> String {
    quoted_of(texts, texts.len())
}

/// The first few of so many texts.
fn quoted_of(texts: &[&str], count: usize) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = texts.iter().take(SHOWN).map(|text| format!("`{text}`")).collect();
    let more = count.saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
