//! Each rule with what it finds and what it leaves alone, over tags that no database holds.

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
    jobs.into_iter().for_each(|job| ended.add(job));
    let mut check = Check::new(&vocabulary, Some(SPACE), ended);
    tags.iter().for_each(|tag| check.tag(tag));
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
fn a_tag_without_synonyms_is_found_unless_they_come_or_a_person_took_them_out() {
    let tags = [
        with(ContentToLint::Nothing { waits: false }, 1, "gqom"),
        with(ContentToLint::Nothing { waits: true }, 2, "kuduro"),
        with(ContentToLint::Tombstone, 3, "polka"),
    ];
    let (findings, waiting) = lint_all(&tags, &[], Vec::new());
    assert_eq!(said(&findings), [(Kind::NoSynonyms, vec!["gqom"], "")]);
    assert_eq!(command(&findings[0]), "musonym generate --type genre gqom");
    assert_eq!(waiting, Waiting { tags: 1, rows: 0 });
}

#[test]
fn a_row_without_a_term_is_as_good_as_none() {
    let empty = || genre(1, "gqom", Synonyms::default());
    let findings = lint(&[empty()]);
    assert_eq!(said(&findings), [(Kind::NoSynonyms, vec!["gqom"], "")]);
    assert_eq!(command(&findings[0]), "musonym generate --type genre gqom");
    let by_hand = lint(&[by(Source::Manual, empty())]);
    assert_eq!((said(&by_hand).len(), &by_hand[0].mend.command), (1, &None), "generators leave it alone");
    let mut waits = empty();
    if let ContentToLint::Row(row) = &mut waits.content {
        row.waits = true;
    }
    assert_eq!(said(&lint(&[waits])), [], "it was merged or changed just now");
}

/// A job that ended in this state.
fn ended(id: i64, new: &NewJob, state: JobState) -> Job {
    Job {
        id,
        kind: new.kind,
        payload: new.payload.clone(),
        priority: new.priority,
        state,
        attempts: 5,
        max_attempts: 5,
        run_at: Timestamp::default(),
        last_error: Some("the model gave no JSON".to_owned()),
        result: None,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

#[test]
fn a_job_that_ended_badly_is_named_and_tried_again() {
    let tags = [
        with(ContentToLint::Nothing { waits: false }, 1, "gqom"),
        with(ContentToLint::Nothing { waits: false }, 2, "kuduro"),
    ];
    let payload = GeneratePayload { tag_type: TagType::Genre, tag_id: 1, force: false, refresh: false };
    let job = NewJob::generate(&payload, Priority::LOW);
    let other_type =
        NewJob::generate(&GeneratePayload { tag_type: TagType::Mood, tag_id: 2, ..payload }, Priority::LOW);
    let jobs = vec![
        ended(7, &job, JobState::Dead),
        ended(3, &job, JobState::Failed),
        ended(9, &other_type, JobState::Dead),
        ended(8, &NewJob::embed(2, Priority::LOW), JobState::Dead),
    ];
    let findings = lint_all(&tags, &[], jobs).0;
    assert!(findings[0].why.contains("job 7 is dead: the model gave no JSON"), "{}", findings[0].why);
    assert_eq!(command(&findings[0]), "musonym jobs retry 7");
    assert_eq!(command(&findings[1]), "musonym generate --type genre kuduro", "the job of a mood is another's");
}

#[test]
fn a_row_without_a_vector_of_the_active_space_is_found_unless_it_comes() {
    let row = |id: i64, space: Option<&str>, waits: bool| {
        let mut tag = genre(id, &format!("g{id}"), searched(&[&format!("t{id}")]));
        if let ContentToLint::Row(row) = &mut tag.content {
            (row.space, row.waits) = (space.map(str::to_owned), waits);
        }
        tag
    };
    let tags = [row(1, None, false), row(2, Some("another"), false), row(3, None, true), row(4, Some(SPACE), false)];
    let jobs = vec![ended(6, &NewJob::embed(2, Priority::LOW), JobState::Cancelled)];
    let (findings, waiting) = lint_all(&tags, &[], jobs);
    assert_eq!(said(&findings), [(Kind::NoVector, vec!["g1"], ""), (Kind::NoVector, vec!["g2"], "")]);
    assert_eq!([command(&findings[0]), command(&findings[1])], ["musonym reembed", "musonym jobs retry 6"]);
    assert_eq!(waiting, Waiting { tags: 0, rows: 1 });
    let mut vocabulary = Vocabulary::default();
    vocabulary.learn(&tags[0]);
    let mut check = Check::new(&vocabulary, None, EndedJobs::default());
    check.tag(&tags[0]);
    assert_eq!(said(&check.finish(&[], 1.0).0), [], "the embedder has not had its turn");
}

#[test]
fn what_the_gates_would_drop_is_suspicious() {
    let long = "x".repeat(61);
    for (term, kind) in [
        ("see www.example.org", Some(Kind::Markup)),
        ("<b>jazz</b>", Some(Kind::Markup)),
        (long.as_str(), Some(Kind::TooLong)),
        ("a b c d e f g h i", Some(Kind::TooLong)),
        ("jaz\u{200b}zy", Some(Kind::Unreadable)),
        ("🔥", Some(Kind::Unreadable)),
        ("джаз", Some(Kind::ForeignScript)),
        ("termes de recherche", Some(Kind::PromptEcho)),
        ("smoky club", None),
        ("électro-swing", None),
    ] {
        let found = lint(&[genre(1, "jazz", searched(&["cool", term]))]);
        let expected: Vec<_> = kind.into_iter().map(|kind| (kind, vec!["jazz"], term)).collect();
        assert_eq!(said(&found), expected, "{term:?}");
        assert!(found.iter().all(|finding| finding.mend.text.contains("PUT /api/synonyms/1")), "{found:?}");
    }
    assert_eq!(said(&lint(&[genre(1, "русский рок", searched(&["рок"]))])), [], "the script of its name");
    let native = genre(1, "city pop", searched(&["シティポップ"]));
    assert_eq!(said(&lint(&[by(Source::Manual, native.clone())])), [], "a person means it");
    assert_eq!(said(&lint(&[by(Source::Lexicon, native)])), [], "the lexicon has its own linter");
    let address = by(Source::Manual, genre(1, "jazz", searched(&["www.example.org"])));
    assert_eq!(said(&lint(&[address])).len(), 1, "an address helps nobody, whoever wrote it");
}

#[test]
fn names_of_artists_are_told_by_their_capitals_from_music() {
    let related = |terms: &[&str]| Synonyms { related_tags: list(terms), ..searched(&["trap"]) };
    let others = || [genre(8, "Detroit techno", searched(&["x"])), genre(9, "Miami bass", searched(&["y"]))];
    let found = |first: TagToLint| {
        let [second, third] = others();
        let findings = lint(&[first, second, third]);
        findings.into_iter().map(|finding| (finding.kind, finding.term.unwrap_or_default())).collect::<Vec<_>>()
    };
    let terms = [
        "Travis Scott",
        "Earth and Fire",
        "Miami bass",
        "Detroit Electro",
        "UK Garage",
        "R&B",
        "Beyoncé",
        "acid house",
    ];
    let artists = [(Kind::ArtistLike, "Travis Scott".to_owned()), (Kind::ArtistLike, "Earth and Fire".to_owned())];
    let mut sorted = found(genre(1, "trap music", related(&terms)));
    sorted.sort_by(|a, b| b.1.cmp(&a.1));
    assert_eq!(sorted, artists);
    let credit = found(genre(1, "trap music", related(&["someone feat. another"])));
    assert_eq!(credit, [(Kind::ArtistLike, "someone feat. another".to_owned())]);
    let titles = ["Travis Scott", "Boom Bap", "Dirty South", "Cloud Rap"];
    assert_eq!(found(genre(1, "trap music", related(&titles))), [], "a row of titles");
    assert_eq!(
        found(by(Source::Lexicon, genre(1, "trap music", related(&["Travis Scott"])))),
        [],
        "the lexicon has its own linter"
    );
    let usage = Synonyms { usage_context: list(&["Mardi Gras"]), ..Synonyms::default() };
    assert_eq!(found(genre(1, "trap music", usage)), [], "an occasion may have a name");
}

#[test]
fn a_translation_into_the_other_language_is_found() {
    let findings = lint(&[genre(
        1,
        "sea shanty",
        translated(&["chants des marins", "shanty"], &["songs of the sea", "chant de marin"]),
    )]);
    let wrong = |term| (Kind::WrongLanguage, vec!["sea shanty"], term);
    assert_eq!(said(&findings), [wrong("chants des marins"), wrong("songs of the sea")]);
    let same =
        genre(1, "chanson à texte", translated(&["chanson à texte", "French chanson à texte"], &["chanson à texte"]));
    assert_eq!(said(&lint(&[same])), [], "the tag's own name is the same in both");
    let mixed = genre(1, "sea shanty", searched(&["chants des marins", "songs of the sea"]));
    assert_eq!(said(&lint(&[mixed])), [], "search terms are in both languages");
}

#[test]
fn a_term_in_too_many_rows_says_nothing() {
    let tags = |count: i64, frequent: i64| -> Vec<TagToLint> {
        let usage = |id| if id <= frequent { list(&["Late night", "late-night"]) } else { Vec::new() };
        let content = |id| Synonyms { usage_context: usage(id), ..searched(&[&format!("t{id}")]) };
        (1..=count).map(|id| genre(id, &format!("g{id}"), content(id))).collect()
    };
    let findings = lint(&tags(100, 9));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(
        (findings[0].kind, findings[0].term.as_deref(), findings[0].tag_count),
        (Kind::FrequentTerm, Some("Late night"), 9)
    );
    assert!(findings[0].why.contains("9 of 100 rows (9 %)"), "{}", findings[0].why);
    assert_eq!(said(&lint(&tags(100, 8))), [], "8 % are few enough");
    assert_eq!(said(&lint(&tags(49, 9))), [], "of fewer than 50 rows a share says nothing");
}

#[test]
fn the_own_name_is_no_synonym_but_may_be_a_translation() {
    let tag = genre(
        1,
        "hip hop",
        Synonyms {
            search_terms: list(&["Hip-Hop"]),
            related_tags: list(&["hip hop"]),
            usage_context: list(&["hip hop"]),
            translations: Translations { en: list(&["hip hop"]), fr: list(&["hip hop"]) },
        },
    );
    let own = |term| (Kind::OwnName, vec!["hip hop"], term);
    assert_eq!(said(&lint(std::slice::from_ref(&tag))), [own("Hip-Hop"), own("hip hop")]);
    assert_eq!(said(&lint(&[by(Source::Lexicon, tag)])), [], "the lexicon has its own linter");
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
