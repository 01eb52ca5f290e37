//! Tags that have nothing, and rows without a vector.

use super::*;

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
        batch_id: None,
        trace_id: None,
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
