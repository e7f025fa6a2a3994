//! Random histories through the binary: rows that come, change and go, with and without a stamp; runs that fail half-way.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::prelude::*;

use super::{Listed, full_is_due, listing, lock, page, put, users};
use crate::support::{Answer, Api, Sandbox};

#[derive(Clone, Debug)]
enum Step {
    /// A row comes, or changes.
    Put(i64, u8),
    /// The same, of a row that does not say so.
    PutSilently(i64, u8),
    Remove(i64),
    /// A run; after so many pages the API takes no more.
    Run(Option<usize>),
    FullIsDue,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..9_i64, 0..3_u8).prop_map(|(id, v)| Step::Put(id, v)),
        1 => (1..9_i64, 0..3_u8).prop_map(|(id, v)| Step::PutSilently(id, v)),
        1 => (1..9_i64).prop_map(Step::Remove),
        3 => prop_oneof![2 => Just(None), 1 => (0..3_usize).prop_map(Some)].prop_map(Step::Run),
        1 => Just(Step::FullIsDue),
    ]
}

/// The sweep of the last run, where it has come to its end: whether that run began it, and whether it asked for everything.
fn last_sweep(sandbox: &Sandbox) -> Option<(bool, bool)> {
    let sql = "SELECT count(*) = 1, s.since IS NULL FROM _sync_sweeps AS s JOIN _sync_endpoint_runs AS e USING (sweep_id) \
               WHERE s.sweep_id = (SELECT max(sweep_id) FROM _sync_sweeps WHERE read = 1) AND s.result = 'complete'";
    let line = sandbox.lines(sql).pop()?;
    let (is_of_one_run, is_full) = line.split_once('|')?;
    Some((is_of_one_run == "1", is_full == "1"))
}

/// The rows as they are in the file: those that are live, and those that are marked.
fn stored(sandbox: &Sandbox) -> (BTreeSet<String>, BTreeSet<String>) {
    let rows = |what: &str| {
        sandbox.lines(&format!("SELECT id, v FROM users WHERE {what}")).into_iter().collect()
    };
    (rows("_deleted_at IS NULL"), rows("_deleted_at IS NOT NULL"))
}

/// The rows as they are at the API; `stamped`: those alone that say when they have changed.
fn expected(listed: &Listed, stamped: bool) -> BTreeSet<String> {
    let listed = lock(listed);
    let rows = listed.iter().filter(|(_, item)| !stamped || item.updated.is_some());
    rows.map(|(id, item)| format!("{id}|{}", item.v)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_says_that_it_has_changed_is_there_after_every_run(steps in proptest::collection::vec(step(), 8..30)) {
        let listed = listing(1..=5);
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let api = Api::serve({
            let (listed, left) = (Arc::clone(&listed), Arc::clone(&left));
            move |asked| {
                let count = |left: usize| left.checked_sub(1);
                if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).is_err() {
                    return Answer::status(403, "{}");
                }
                page(&listed, asked)
            }
        });
        let sandbox = users(&api, "missing = { confirm = false }");
        sandbox.run(&["--run-now"]).expect_status(0);
        for step in steps.iter().chain([&Step::Run(None), &Step::Run(None)]) {
            match step {
                Step::Put(id, v) => put(&listed, *id, &v.to_string()),
                Step::PutSilently(id, v) => {
                    put(&listed, *id, &v.to_string());
                    lock(&listed).entry(*id).and_modify(|item| item.updated = None);
                }
                Step::Remove(id) => drop(lock(&listed).remove(id)),
                Step::FullIsDue => full_is_due(&sandbox),
                Step::Run(pages) => {
                    left.store(pages.unwrap_or(usize::MAX), Ordering::SeqCst);
                    let run = sandbox.run(&["--run-now"]);
                    // What was read before the listing has changed, the next sweep makes good.
                    if let (Some(0), Some((true, is_full))) = (run.status, last_sweep(&sandbox)) {
                        let (live, deleted) = stored(&sandbox);
                        prop_assert!(live.is_superset(&expected(&listed, true)), "{live:?}");
                        if is_full {
                            prop_assert_eq!(&live, &expected(&listed, false));
                        }
                        prop_assert!(deleted.is_disjoint(&expected(&listed, true)));
                    }
                }
            }
        }
        prop_assert_eq!(sandbox.count("SELECT count(*) FROM _sync_coverage"), 1);
    }
}
