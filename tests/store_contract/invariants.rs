//! Whatever is done in whatever order: one active row a tag, sections equal to their terms, indices equal to their rows.

use musonym::{
    domain::{Priority, Synonyms, TagType},
    store::{BulkVerdict, Decision, Page, ReviewFilter, StoreError, SynonymFilter, Verdict},
};
use proptest::prelude::*;

use crate::backend::{Db, draft, genre, name, sqlite};

const TAGS: [&str; 3] = ["ska", "rap", "Hip Hop"];
const TERMS: [&str; 5] = ["one", "two", "Three", "quatre", "c#"];

/// A step on one of a few tags, with some of a few terms.
#[derive(Clone, Debug)]
enum Step {
    CreateTag(usize),
    Create(usize, Vec<usize>),
    Generate(usize, Vec<usize>, bool),
    Replace(usize, Vec<usize>),
    Deactivate(usize),
    Activate(usize),
    Rename(usize, usize),
    Delete(usize),
    Restore(usize, i64),
    Review(Vec<(usize, usize)>),
    ReviewAll(BulkVerdict),
    Merge(usize, usize),
    Embed,
}

fn step() -> impl Strategy<Value = Step> {
    let tag = 0..TAGS.len();
    let terms = proptest::sample::subsequence((0..TERMS.len()).collect::<Vec<_>>(), 1..TERMS.len());
    prop_oneof![
        tag.clone().prop_map(Step::CreateTag),
        (tag.clone(), terms.clone()).prop_map(|(tag, terms)| Step::Create(tag, terms)),
        (tag.clone(), terms.clone(), any::<bool>()).prop_map(|(tag, terms, force)| Step::Generate(tag, terms, force)),
        (tag.clone(), terms).prop_map(|(tag, terms)| Step::Replace(tag, terms)),
        tag.clone().prop_map(Step::Deactivate),
        tag.clone().prop_map(Step::Activate),
        (tag.clone(), tag.clone()).prop_map(|(tag, other)| Step::Rename(tag, other)),
        tag.clone().prop_map(Step::Delete),
        (tag.clone(), 1..4i64).prop_map(|(tag, version)| Step::Restore(tag, version)),
        proptest::collection::vec((0..3usize, 0..TERMS.len()), 1..4).prop_map(Step::Review),
        any::<bool>()
            .prop_map(|accept| { Step::ReviewAll(if accept { BulkVerdict::Accept } else { BulkVerdict::Reject }) }),
        (tag.clone(), tag).prop_map(|(from, into)| Step::Merge(from, into)),
        Just(Step::Embed),
    ]
}

/// Does a step. Refusals are part of the behaviour; anything else is a bug.
async fn apply(db: &Db, step: &Step) {
    let texts = |terms: &[usize]| terms.iter().map(|term| TERMS[*term]).collect::<Vec<_>>();
    let outcome = match step {
        Step::CreateTag(tag) => {
            db.genre(TAGS[*tag]).await;
            Ok(())
        }
        Step::Create(tag, terms) => {
            db.store.create_synonyms(&draft(genre(TAGS[*tag]), &texts(terms))).await.map(|_| ())
        }
        Step::Generate(tag, terms, force) => {
            if let Some(tag) = db.store.tag_by_name(TagType::Genre, TAGS[*tag]).await.unwrap() {
                db.generate(&tag, *force, &texts(terms)).await;
            }
            Ok(())
        }
        Step::Replace(tag, terms) => match newest(db, TAGS[*tag]).await {
            Some(id) => db.store.replace_synonyms(id, &draft(genre(TAGS[*tag]), &texts(terms)), None).await.map(|_| ()),
            None => Ok(()),
        },
        Step::Deactivate(tag) => match newest(db, TAGS[*tag]).await {
            Some(id) => db.store.deactivate_synonyms(id, None).await,
            None => Ok(()),
        },
        Step::Activate(tag) => match newest(db, TAGS[*tag]).await {
            Some(id) => db.store.activate_synonyms(id).await.map(|_| ()),
            None => Ok(()),
        },
        Step::Rename(tag, other) => {
            let new = name(&format!("{} x", TAGS[*other]));
            db.store.rename_tag(&genre(TAGS[*tag]), &new, Priority::LOW).await.map(|_| ())
        }
        Step::Delete(tag) => db.store.delete_tag(&genre(TAGS[*tag])).await,
        Step::Restore(tag, version) => match newest(db, TAGS[*tag]).await {
            Some(id) => db.store.restore_synonyms(id, *version, None).await.map(|_| ()),
            None => Ok(()),
        },
        Step::Review(verdicts) => {
            let verdict = |(kind, text): &(usize, usize)| match kind {
                0 => Verdict::Accept,
                1 => Verdict::Reject,
                _ => Verdict::Edit(TERMS[*text].to_owned()),
            };
            let waiting = db.waiting().await;
            let decisions: Vec<Decision> = waiting
                .iter()
                .zip(verdicts)
                .map(|(item, each)| Decision { id: item.id, verdict: verdict(each) })
                .collect();
            db.store.review(&decisions).await.map(|_| ())
        }
        Step::ReviewAll(verdict) => db.store.review_all(&ReviewFilter::default(), *verdict).await.map(|_| ()),
        Step::Merge(from, into) => {
            let (from, into) = (name(TAGS[*from]), name(TAGS[*into]));
            db.store.merge_tags(TagType::Genre, &from, &into, false).await.map(|_| ())
        }
        Step::Embed => {
            db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
            Ok(())
        }
    };
    match outcome {
        Ok(()) | Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => {}
        Err(error) => panic!("{step:?}: {error}"),
    }
}

/// The newest row of a tag, active or not.
async fn newest(db: &Db, tag: &str) -> Option<i64> {
    let tag = db.store.tag_by_name(TagType::Genre, tag).await.unwrap()?;
    let sql = format!("SELECT COALESCE(MAX(id), 0) FROM mir_synonym WHERE tag_id = {}", tag.id);
    Some(db.backend.number(&sql).await).filter(|id| *id > 0)
}

async fn check(db: &Db) {
    db.backend.check().await;
    let double = "SELECT COUNT(*) FROM (SELECT 1 FROM mir_synonym WHERE is_active GROUP BY tag_type, tag_id \
                  HAVING COUNT(*) > 1) x";
    assert_eq!(db.backend.number(double).await, 0);
    let names = "SELECT COUNT(*) FROM mir_synonym_named s WHERE NOT EXISTS (SELECT 1 FROM synonym_term t \
                 WHERE t.synonym_id = s.id AND t.section = 'name' AND t.term = s.tag_name)";
    assert_eq!(db.backend.number(names).await, 0, "each row has its tag's name as a term");
    let rows = db.store.list_synonyms(&SynonymFilter::default(), &Page::first(99)).await.unwrap().items;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    for (row, input) in rows.iter().zip(db.store.embed_inputs(&ids).await.unwrap()) {
        assert_eq!(row.synonyms, Synonyms::from_terms(&input.terms), "sections equal terms");
        let revision = db.revisions(row.id).await.remove(0);
        assert_eq!(revision.version, row.version);
        assert_eq!(revision.after.as_ref(), Some(&row.synonyms));
    }
    let queued = "SELECT COUNT(*) FROM mir_synonym s WHERE is_active AND embedding IS NULL AND NOT EXISTS (\
                  SELECT 1 FROM job WHERE dedup_key = 'embed:' || s.id AND state = 'queued')";
    assert_eq!(db.backend.number(queued).await, 0, "what has no vector has a job that brings it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_steps_keeps_the_invariants(steps in proptest::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let db = sqlite().await;
            for step in &steps {
                apply(&db, step).await;
                check(&db).await;
            }
        });
    }
}
