//! Each rule with what it finds and what it leaves alone, over tags that no database holds.

mod rows;
mod terms;

use super::{
    check::{Check, Waiting},
    finding::{Finding, FindingKind},
    meaning::Pair,
    rows::EndedJobs,
    vocabulary::Vocabulary,
};
use crate::{
    domain::{GeneratePayload, Job, JobState, NewJob, Priority, Source, Synonyms, TagType, Timestamp, Translations},
    store::{ContentToLint, RowToLint, TagToLint},
};
use FindingKind as Kind;

const SPACE: &str = "a-space";

/// A genre with an embedded row of a model's, numbered as the tag.
fn genre(id: i64, name: &str, synonyms: Synonyms) -> TagToLint {
    let row =
        RowToLint { synonym_id: id, source: Source::Ollama, synonyms, space: Some(SPACE.to_owned()), waits: false };
    TagToLint { tag_type: TagType::Genre, id, name: name.to_owned(), content: ContentToLint::Row(row) }
}

fn list(terms: &[&str]) -> Vec<String> {
    terms.iter().map(|term| (*term).to_owned()).collect()
}

fn searched(terms: &[&str]) -> Synonyms {
    Synonyms { search_terms: list(terms), ..Synonyms::default() }
}

fn translated(en: &[&str], fr: &[&str]) -> Synonyms {
    Synonyms { translations: Translations { en: list(en), fr: list(fr) }, ..Synonyms::default() }
}

fn mood(tag: TagToLint) -> TagToLint {
    TagToLint { tag_type: TagType::Mood, ..tag }
}

fn by(source: Source, mut tag: TagToLint) -> TagToLint {
    if let ContentToLint::Row(row) = &mut tag.content {
        row.source = source;
    }
    tag
}

fn with(content: ContentToLint, id: i64, name: &str) -> TagToLint {
    TagToLint { content, ..genre(id, name, Synonyms::default()) }
}

/// What is found, with pairs of tags that mean one thing and jobs that ended badly.
fn lint_all(tags: &[TagToLint], pairs: &[(usize, usize)], jobs: Vec<Job>) -> (Vec<Finding>, Waiting) {
    let mut vocabulary = Vocabulary::default();
    for (place, tag) in tags.iter().enumerate() {
        assert_eq!(vocabulary.learn(tag), place);
    }
    let mut ended = EndedJobs::default();
    for job in jobs {
        ended.add(job);
    }
    let mut check = Check::new(&vocabulary, Some(SPACE), ended);
    for tag in tags {
        check.tag(tag);
    }
    let pairs: Vec<Pair> =
        pairs.iter().map(|(first, second)| Pair { first: *first, second: *second, cosine: 0.95 }).collect();
    check.finish(&pairs, 0.9)
}

fn lint(tags: &[TagToLint]) -> Vec<Finding> {
    lint_all(tags, &[], Vec::new()).0
}

/// Kind, tags and term of each finding.
fn said(findings: &[Finding]) -> Vec<(Kind, Vec<&str>, &str)> {
    let is_sentence = |text: &str| text.ends_with('.');
    assert!(findings.iter().all(|found| is_sentence(&found.why) && is_sentence(&found.mend.text)), "{findings:#?}");
    findings
        .iter()
        .map(|finding| {
            let tags = finding.tags.iter().map(|tag| tag.tag_name.as_str()).collect();
            (finding.kind, tags, finding.term.as_deref().unwrap_or_default())
        })
        .collect()
}

fn command(finding: &Finding) -> &str {
    finding.mend.command.as_deref().unwrap_or_default()
}

#[test]
fn a_clean_vocabulary_has_no_findings() {
    let tags = [
        genre(
            1,
            "hip hop",
            Synonyms {
                search_terms: list(&["rap music", "boom bap"]),
                related_tags: list(&["trap", "UK garage"]),
                usage_context: list(&["Sunday Morning Run"]),
                translations: Translations { en: list(&["hip hop"]), fr: list(&["hip-hop", "musique hip-hop"]) },
            },
        ),
        genre(2, "trap", searched(&["southern trap"])),
        mood(genre(1, "trap", searched(&["southern trap"]))),
    ];
    assert_eq!(said(&lint(&tags)), [], "and tags of another type have names of their own");
}

#[test]
fn spellings_of_one_name_are_merged_into_the_oldest_or_the_one_of_a_person() {
    let tags = [
        genre(1, "Hip-Hop", searched(&["x"])),
        with(ContentToLint::Tombstone, 2, "hip hop"),
        genre(3, "HipHop", searched(&["y"])),
        genre(4, "hip house", searched(&["z"])),
        mood(genre(5, "hip hop", searched(&["x"]))),
    ];
    let findings = lint(&tags);
    let (dup, into) = (Kind::DuplicateTag, "Hip-Hop");
    assert_eq!(said(&findings), [(dup, vec!["hip hop", into], ""), (dup, vec!["HipHop", into], "")]);
    assert_eq!(command(&findings[0]), "musonym tags merge --type genre 'hip hop' Hip-Hop");
    let [first, .., third] = &tags[..3] else { panic!() };
    let findings = lint(&[first.clone(), by(Source::Manual, third.clone())]);
    assert_eq!(said(&findings), [(dup, vec!["Hip-Hop", "HipHop"], "")], "what a person wrote stays");
}

#[test]
fn tags_of_one_meaning_are_proposed_as_a_dry_run() {
    let tags = [
        genre(1, "sad", searched(&["a"])),
        by(Source::Manual, genre(2, "sorrowful", searched(&["b"]))),
        genre(3, "SAD", searched(&["c"])),
    ];
    let (findings, _) = lint_all(&tags, &[(0, 1), (0, 2)], Vec::new());
    let meaning: Vec<Finding> = findings.into_iter().filter(|finding| finding.kind == Kind::SameMeaning).collect();
    assert_eq!(said(&meaning), [(Kind::SameMeaning, vec!["sad", "sorrowful"], "")], "spellings are duplicates already");
    assert_eq!(command(&meaning[0]), "musonym tags merge --type genre --dry-run sad sorrowful");
    assert!(meaning[0].why.contains("0.950") && meaning[0].why.contains("0.900"), "{}", meaning[0].why);
}

#[test]
fn an_alias_that_is_the_name_of_another_tag_is_found_once() {
    let tags = [
        genre(
            1,
            "hip hop",
            Synonyms { translations: translated(&["Rap"], &["le rap"]).translations, ..searched(&["rap"]) },
        ),
        genre(2, "rap", searched(&["rhymes"])),
        genre(
            3,
            "trap",
            Synonyms { related_tags: list(&["rap"]), usage_context: list(&["rap"]), ..Synonyms::default() },
        ),
        mood(genre(4, "hard", searched(&["rap"]))),
    ];
    let findings = lint(&tags);
    assert_eq!(
        said(&findings),
        [(Kind::AliasIsName, vec!["hip hop", "rap"], "rap")],
        "related tags are names of others"
    );
    assert_eq!(command(&findings[0]), "musonym tags merge --type genre --dry-run rap 'hip hop'");
    assert!(findings[0].mend.text.contains("PUT /api/synonyms/1"), "{}", findings[0].mend.text);
}

#[test]
fn an_alias_that_several_tags_claim_is_one_finding_about_all() {
    let tags = [
        genre(1, "hardcore punk", searched(&["hardcore", "Hard-Core"])),
        genre(2, "hardcore techno", translated(&["hard core"], &[])),
        genre(3, "gabber", Synonyms { related_tags: list(&["hardcore"]), ..searched(&["hakken"]) }),
        mood(genre(4, "angry", searched(&["hardcore"]))),
    ];
    let findings = lint(&tags);
    assert_eq!(said(&findings), [(Kind::SharedAlias, vec!["hardcore punk", "hardcore techno"], "hardcore")]);
    assert_eq!(findings[0].tag_count, 2);
    assert_eq!(said(&lint(&tags[1..])), [], "one tag alone claims it");
}

#[test]
fn tags_that_share_several_aliases_are_one_finding_with_the_merge_of_two() {
    let tags = [
        genre(1, "latin hip hop", searched(&["rap latino", "chicano rap", "spanglish rap"])),
        genre(2, "latino rap", searched(&["Rap Latino", "chicano rap", "spanglish rap"])),
        genre(3, "chicano", searched(&["spanglish rap"])),
    ];
    let findings = lint(&tags);
    let two = vec!["latin hip hop", "latino rap"];
    let three = vec!["latin hip hop", "latino rap", "chicano"];
    let shared = [(Kind::SharedAlias, two, "chicano rap"), (Kind::SharedAlias, three, "spanglish rap")];
    assert_eq!(said(&findings), shared);
    assert_eq!(findings[0].other_terms, ["rap latino"]);
    assert_eq!(command(&findings[0]), "musonym tags merge --type genre --dry-run 'latino rap' 'latin hip hop'");
    assert_eq!(findings[1].mend.command, None, "of three nobody knows which are one");
}

#[test]
fn an_alias_of_many_tags_lists_the_first_and_counts_all() {
    let tags: Vec<TagToLint> = (1..=45).map(|id| genre(id, &format!("g{id}"), searched(&["party"]))).collect();
    let findings = lint(&tags);
    assert_eq!((findings.len(), findings[0].tags.len(), findings[0].tag_count), (1, 20, 45));
    assert!(findings[0].why.contains("45 genres") && findings[0].why.contains("40 more"), "{}", findings[0].why);
}

#[test]
fn findings_of_one_broken_tag_do_not_hide_anothers_and_keep_their_order() {
    let broken = |id: i64, name: &str| {
        genre(id, name, Synonyms { related_tags: list(&[name]), ..searched(&["<b>", name, "www.x.org", "shared"]) })
    };
    let tags = [broken(1, "rap"), broken(2, "R A P"), mood(broken(1, "sad"))];
    let findings = lint(&tags);
    let mut turned: Vec<TagToLint> = tags.to_vec();
    turned.reverse();
    assert_eq!(lint(&turned).len(), findings.len());
    for tag in &tags {
        let about =
            |finding: &&Finding| finding.tags[0].tag_name == tag.name && finding.tags[0].tag_type == tag.tag_type;
        let kinds: Vec<Kind> = findings.iter().filter(about).map(|finding| finding.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Markup).count(), 2, "{tag:?}: {kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::OwnName).count(), 2, "{tag:?}: {kinds:?}");
    }
    let places: Vec<_> = findings.iter().map(Finding::place).collect();
    assert!(places.is_sorted(), "{places:?}");
    let mut marks: Vec<_> = findings.iter().map(|finding| (finding.place(), finding.fingerprint())).collect();
    marks.dedup();
    assert_eq!(marks.len(), findings.len(), "each has a mark of its own");
}
