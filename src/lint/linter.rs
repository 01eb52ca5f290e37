//! Reports for whoever reads them page by page: one is made when the database has changed since the last, by one reader at a
//! time, and the pages of a list come from one report as long as it is held.

use std::{str::FromStr, sync::Arc};

use tokio::sync::{Mutex, watch};

use super::{
    LintError,
    finding::{Finding, FindingKind, Place},
    report::{Report, is_of, report},
};
use crate::{
    domain::TagType,
    store::{Listing, Page, Store, StoreError},
};

/// Which findings to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Of one kind only.
    pub kind: Option<FindingKind>,
    /// About tags of one type only.
    pub tag_type: Option<TagType>,
}

/// Makes reports, and holds the last.
pub struct Linter {
    store: Arc<dyn Store>,
    changes: watch::Receiver<u64>,
    held: Mutex<Option<Held>>,
}

/// A report and the tick of the database at which it was begun.
struct Held {
    tick: u64,
    report: Arc<Report>,
}

impl Linter {
    /// A linter over this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { changes: store.changes(), store, held: Mutex::new(None) }
    }

    /// A page of findings, and the report that it is of.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] for a cursor that no page gave; [`LintError`] when there is no report.
    pub async fn findings(
        self: &Arc<Self>,
        filter: FindingFilter,
        page: &Page,
    ) -> Result<(Listing<Finding>, Arc<Report>), LintError> {
        let after = page.cursor.as_deref().map(Cursor::from_str).transpose()?;
        let linter = Arc::clone(self);
        let number = after.as_ref().map(|cursor| cursor.report);
        // In a task of its own: whoever gives up waiting for a long report finds it made when asking again.
        let report = tokio::spawn(async move { linter.current(number).await })
            .await
            .map_err(|error| LintError::Stopped(error.to_string()))??;
        Ok((listing(&report, filter, after.as_ref(), page.limit), report))
    }

    /// The report of this number where it is held, else one of the database as it is.
    async fn current(&self, number: Option<u32>) -> Result<Arc<Report>, LintError> {
        let mut held = self.held.lock().await;
        let tick = *self.changes.borrow();
        if let Some(held) = &*held
            && (held.tick == tick || number == Some(held.report.number))
        {
            return Ok(Arc::clone(&held.report));
        }
        let report = Arc::new(report(&*self.store, None).await?);
        *held = Some(Held { tick, report: Arc::clone(&report) });
        Ok(report)
    }
}

/// A page of the findings that the filter lets through.
fn listing(report: &Report, filter: FindingFilter, after: Option<&Cursor>, limit: usize) -> Listing<Finding> {
    let start = after.map_or(0, |cursor| cursor.next_in(&report.findings));
    let wanted = report.findings[start..]
        .iter()
        .filter(|finding| filter.kind.is_none_or(|kind| kind == finding.kind) && is_of(finding, filter.tag_type));
    let mut items: Vec<Finding> = wanted.take(limit.saturating_add(1)).cloned().collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(|last| Cursor::of(report.number, last).to_string()) } else { None };
    Listing { items, next }
}

/// The finding after which a page begins, and its report: `1a2b3c4d.own_name.genre.12.0123456789abcdef`. In another report it is
/// looked for where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    report: u32,
    place: Place,
    fingerprint: u64,
}

impl Cursor {
    fn of(report: u32, finding: &Finding) -> Self {
        Self { report, place: finding.place(), fingerprint: finding.fingerprint() }
    }

    /// Where the next page begins. A finding that is gone by now leaves its place to the others of that place, which are
    /// listed again rather than left out.
    fn next_in(&self, findings: &[Finding]) -> usize {
        let start = findings.partition_point(|finding| finding.place() < self.place);
        let end = findings.partition_point(|finding| finding.place() <= self.place);
        let same = findings[start..end].iter().position(|finding| finding.fingerprint() == self.fingerprint);
        same.map_or(start, |at| start + at + 1)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, tag_type, id) = self.place;
        write!(f, "{:08x}.{kind}.{tag_type}.{id}.{:016x}", self.report, self.fingerprint)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let mut parts = text.split('.');
            let report = u32::from_str_radix(parts.next()?, 16).ok()?;
            let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let fingerprint = u64::from_str_radix(parts.next()?, 16).ok()?;
            parts.next().is_none().then_some(Self { report, place, fingerprint })
        };
        parse().ok_or(StoreError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{FoundTag, LookedAt, mend};

    fn finding(kind: FindingKind, tag_id: i64, term: &str) -> Finding {
        let tag = FoundTag { tag_type: TagType::Genre, tag_id, tag_name: "x".to_owned(), synonym_id: None };
        Finding {
            kind,
            tags: vec![tag],
            tag_count: 1,
            section: None,
            lang: None,
            term: Some(term.to_owned()),
            other_terms: Vec::new(),
            why: String::new(),
            mend: mend::decide(""),
        }
    }

    fn report_of(findings: &[Finding]) -> Report {
        let (looked_at, not_looked_at) = (LookedAt::default(), Vec::new());
        Report { number: 7, findings: findings.to_vec(), looked_at, meaning: None, not_looked_at }
    }

    fn terms(listing: &Listing<Finding>) -> Vec<&str> {
        listing.items.iter().filter_map(|finding| finding.term.as_deref()).collect()
    }

    fn four() -> Vec<Finding> {
        use FindingKind::{Markup, OwnName};
        vec![finding(Markup, 1, "a"), finding(Markup, 1, "b"), finding(Markup, 2, "c"), finding(OwnName, 1, "d")]
    }

    fn after(listing: &Listing<Finding>) -> Cursor {
        listing.next.as_deref().unwrap().parse().unwrap()
    }

    #[test]
    fn pages_follow_each_other_and_filters_hold_on_each() {
        let report = report_of(&four());
        let first = listing(&report, FindingFilter::default(), None, 3);
        assert_eq!(terms(&first), ["a", "b", "c"]);
        let second = listing(&report, FindingFilter::default(), Some(&after(&first)), 3);
        assert_eq!((terms(&second), &second.next), (vec!["d"], &None));
        let markup = FindingFilter { kind: Some(FindingKind::Markup), tag_type: None };
        let first = listing(&report, markup, None, 2);
        let second = listing(&report, markup, Some(&after(&first)), 2);
        assert_eq!((terms(&first), terms(&second), &second.next), (vec!["a", "b"], vec!["c"], &None));
        let moods = FindingFilter { kind: None, tag_type: Some(TagType::Mood) };
        assert!(listing(&report, moods, None, 9).items.is_empty());
    }

    #[test]
    fn a_page_goes_on_in_another_report_without_leaving_anything_out() {
        let first = listing(&report_of(&four()), FindingFilter::default(), None, 2);
        // `a` was mended meanwhile, and something new stands before.
        let mut others = four();
        others[0] = finding(FindingKind::DuplicateTag, 9, "new");
        let next = listing(&report_of(&others), FindingFilter::default(), Some(&after(&first)), 9);
        assert_eq!(terms(&next), ["c", "d"]);
        // The last of the page itself was mended: the other one of its tag comes again.
        let left = [four().remove(0), four().remove(2)];
        let next = listing(&report_of(&left), FindingFilter::default(), Some(&after(&first)), 9);
        assert_eq!(terms(&next), ["a", "c"]);
    }

    #[test]
    fn a_cursor_that_no_page_gave_is_refused() {
        let good = Cursor::of(7, &four()[0]).to_string();
        assert_eq!(good.parse::<Cursor>().unwrap(), Cursor::of(7, &four()[0]));
        for bad in
            ["", "x", "7.markup.genre.1", "7.nothing.genre.1.0", "7.markup.artist.1.0", &format!("{good}.x"), "\0"]
        {
            assert!(matches!(bad.parse::<Cursor>(), Err(StoreError::BadCursor)), "{bad}");
        }
    }
}
