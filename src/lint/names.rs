//! Names that mean several tags: duplicates, and aliases that are names of others or are claimed twice.

use std::collections::HashSet;

use super::{
    finding::{Finding, FindingKind, FoundTag, Mend},
    mend,
    vocabulary::{Holders, KnownTag, RowTerm, Vocabulary},
};
use crate::domain::TagType;

/// Tags of one type whose names are spellings of one: each but the one that stays, with the merge that makes one of two.
pub(super) fn duplicates(vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in vocabulary.duplicates() {
        let stays = stays(&group);
        findings.extend(group.iter().filter(|goes| goes.tag != stays.tag).map(|goes| duplicate(goes, stays)));
    }
    findings
}

/// Of tags that are one, the oldest that a person wrote, else the oldest.
pub(super) fn stays<'a>(group: &[&'a KnownTag]) -> &'a KnownTag {
    group.iter().copied().find(|known| known.by_person).unwrap_or(group[0])
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
    Finding { kind, tags, tag_count, section: None, lang: None, term: None, why, mend }
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
            met.insert(&term.key).then(|| alias_is_name(tag, term, &other.tag))
        })
        .collect()
}

fn alias_is_name(tag: &FoundTag, term: &RowTerm<'_>, other: &FoundTag) -> Finding {
    let why = format!(
        "`{}` is an alias of `{}` and the name of `{}`: who searches for it finds the latter first.",
        term.term, tag.tag_name, other.tag_name
    );
    let text = format!(
        "If they are one, merge `{}` into `{}` (without --dry-run); else take the term out: PUT /api/synonyms/{} with the other terms.",
        other.tag_name,
        tag.tag_name,
        tag.synonym_id.unwrap_or_default()
    );
    Finding {
        kind: FindingKind::AliasIsName,
        tags: vec![tag.clone(), other.clone()],
        tag_count: 2,
        section: Some(term.section),
        lang: term.lang,
        term: Some(term.term.to_owned()),
        why,
        mend: mend::merge(other, tag, true, text),
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

/// One finding for each alias that several tags claim.
pub(super) fn shared(shared: Holders) -> Vec<Finding> {
    let several = shared.into_iter().filter(|(_, held)| held.count > 1);
    several
        .map(|(tag_type, held)| {
            let why = format!("{} claim the alias `{}`: {}.", tags_of(held.count, tag_type), held.term, list(&held.tags, held.count));
            let text = "Leave it with the tag that it names, and take it out of the others: PUT /api/synonyms/{id} with the \
                        other terms. If two of the tags are one, merge them (`musonym tags merge`).";
            Finding {
                kind: FindingKind::SharedAlias,
                tag_count: held.count,
                section: Some(held.section),
                lang: held.lang,
                term: Some(held.term),
                why,
                mend: mend::decide(text),
                tags: held.tags,
            }
        })
        .collect()
}

/// `3 genres`.
pub(super) fn tags_of(count: usize, tag_type: TagType) -> String {
    format!("{count} {tag_type}{}", if count == 1 { "" } else { "s" })
}

/// The first few names, and how many more.
pub(super) fn list(tags: &[FoundTag], count: usize) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = tags.iter().take(SHOWN).map(|tag| format!("`{}`", tag.tag_name)).collect();
    let more = count.saturating_sub(names.len());
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}
