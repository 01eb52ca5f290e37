//! The walk through the terms that wait, one after the other, on a terminal.

use std::io::{self, BufRead, Write};

use super::{describe, place};
use crate::{
    cli::{error::CliError, render::printable},
    domain::{MAX_TERM_CHARS, term_text},
    store::{Decision, Page, ReviewCounts, ReviewFilter, ReviewItem, ReviewOutcome, Store, Verdict},
};

/// Terms read from the database at once.
const PAGE: usize = 50;

/// What a person answers to one term.
enum Answer {
    Decide(Verdict),
    Skip,
    Quit,
}

/// Asks for each term on `screen`, reads the answers from `input`, and carries each out at once. Ends with the terms, at
/// `q`, or where the input does.
pub(super) async fn walk(
    store: &dyn Store,
    filter: &ReviewFilter,
    input: &mut dyn BufRead,
    screen: &mut dyn Write,
) -> Result<ReviewCounts, CliError> {
    let mut outcomes: Vec<ReviewOutcome> = Vec::new();
    let mut page = Page::first(PAGE);
    'pages: loop {
        let listing = store.list_review(filter, &page).await?;
        for item in &listing.items {
            match ask(item, input, screen).map_err(|error| broken(&error))? {
                Answer::Skip => {}
                Answer::Quit => break 'pages,
                Answer::Decide(verdict) => {
                    for outcome in store.review(&[Decision { id: item.id, verdict }]).await? {
                        writeln!(screen, "  {}", describe(outcome)).map_err(|error| broken(&error))?;
                        outcomes.push(outcome);
                    }
                }
            }
        }
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    Ok(outcomes.into_iter().collect())
}

fn broken(error: &io::Error) -> CliError {
    CliError::Failed(format!("the terminal cannot be used: {error}"))
}

/// Shows a term and asks until the answer is one.
fn ask(item: &ReviewItem, input: &mut dyn BufRead, screen: &mut dyn Write) -> io::Result<Answer> {
    writeln!(
        screen,
        "{} `{}`, {}: {}\n  {} by {}, confidence {:.2}",
        item.tag_type,
        printable(&item.tag_name, MAX_TERM_CHARS),
        place(item),
        printable(&item.term, MAX_TERM_CHARS),
        item.status,
        item.source,
        item.confidence.value()
    )?;
    loop {
        let Some(answer) = prompt("  [a]ccept, [e]dit, [r]eject, [s]kip, [q]uit: ", input, screen)? else {
            return Ok(Answer::Quit);
        };
        match answer.to_lowercase().as_str() {
            "a" | "accept" => return Ok(Answer::Decide(Verdict::Accept)),
            "r" | "reject" => return Ok(Answer::Decide(Verdict::Reject)),
            "s" | "skip" => return Ok(Answer::Skip),
            "q" | "quit" => return Ok(Answer::Quit),
            "e" | "edit" => {
                let Some(text) = prompt("  new words: ", input, screen)? else { return Ok(Answer::Quit) };
                match term_text(&text) {
                    Ok(text) => return Ok(Answer::Decide(Verdict::Edit(text))),
                    Err(error) => writeln!(screen, "  {error}")?,
                }
            }
            _ => {}
        }
    }
}

/// One line of the input; `None` at its end.
fn prompt(text: &str, input: &mut dyn BufRead, screen: &mut dyn Write) -> io::Result<Option<String>> {
    write!(screen, "{text}")?;
    screen.flush()?;
    let mut line = String::new();
    let read = input.read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Confidence, Section, Source, SynonymRecord, TagName, TagRef, TagType, Term, TermStatus},
        store::{
            ReviewStore, SynonymStore, SynonymsDraft,
            sqlite::{SqliteOptions, SqliteStore},
        },
    };

    async fn with_pending(store: &SqliteStore, texts: &[&str]) -> SynonymRecord {
        let term = |text: &&str| Term {
            section: Section::SearchTerms,
            lang: None,
            term: (*text).to_owned(),
            source: Source::Ollama,
            confidence: Confidence::clamped(0.5),
            status: TermStatus::Quarantined,
        };
        let draft = SynonymsDraft {
            tag: TagRef { tag_type: TagType::Genre, tag_name: TagName::parse("hip hop").unwrap() },
            terms: texts.iter().map(term).collect(),
            confidence: Confidence::CERTAIN,
        };
        store.create_synonyms(&draft).await.unwrap()
    }

    #[tokio::test]
    async fn each_answer_is_carried_out_at_once_and_skipped_terms_go_on_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("musonym.db"))).await.unwrap();
        let row = with_pending(&store, &["rap", "opera", "bom bap", "later", "never asked"]).await;
        let answers = "a\nR\nwhat?\ne\n \ne\nboom bap\ns\nq\n";
        let mut screen = Vec::new();
        let counts = walk(&store, &ReviewFilter::default(), &mut answers.as_bytes(), &mut screen).await.unwrap();
        assert_eq!(counts, ReviewCounts { accepted: 1, edited: 1, rejected: 1, ..ReviewCounts::default() });
        let row = store.synonyms_by_ids(&[row.id]).await.unwrap().remove(0);
        assert_eq!(row.synonyms.search_terms, ["rap", "boom bap"]);
        let left = store.list_review(&ReviewFilter::default(), &Page::first(9)).await.unwrap().items;
        assert_eq!(left.iter().map(|item| item.term.as_str()).collect::<Vec<_>>(), ["later", "never asked"]);
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("genre `hip hop`, search_terms: opera"), "{screen}");
        assert!(screen.contains("the term `` is empty") && screen.contains("quarantined by ollama"), "{screen}");
    }

    #[tokio::test]
    async fn the_end_of_the_input_is_the_end_of_the_walk() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("musonym.db"))).await.unwrap();
        with_pending(&store, &["rap", "opera"]).await;
        for answers in ["", "s\ne\n"] {
            let counts =
                walk(&store, &ReviewFilter::default(), &mut answers.as_bytes(), &mut Vec::new()).await.unwrap();
            assert_eq!(counts, ReviewCounts::default());
        }
    }
}
