//! Random histories of a listing, against a model that knows nothing of pages, sweeps or sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::btree_set, prelude::*};

use super::{Listed, api, listing, lock};
use crate::support::Sandbox;

/// Two endpoints on one listing: `once` may ask for all of it a second time, `later` for no more than one page.
const ENDPOINTS: [(&str, &str); 2] = [("once", "0"), ("later", "1")];

fn sandbox(url: &str) -> Sandbox {
    let endpoints = ENDPOINTS.map(|(name, requests)| {
        format!(
            "[[endpoint]]\nname = \"{name}\"\npath = \"/{name}\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"total\"\n\
             pagination = {{ style = \"page\" }}\nmissing = {{ confirm = false }}\n\
             rate_limit = {{ requests = {requests}, per = \"1ms\" }}\n"
        )
    });
    Sandbox::with_api(url, &endpoints.concat())
}

/// What the model knows of a table.
#[derive(Default)]
struct Model {
    /// The rows, and whether they are marked as deleted.
    rows: BTreeMap<i64, bool>,
    /// Which the last read has missed.
    missed: BTreeSet<i64>,
}

impl Model {
    /// A complete read of these; `twice`: it is asked for once more where something is missing.
    fn read(&mut self, listed: &BTreeSet<i64>, twice: bool) {
        let live = self.rows.iter().filter(|(_, is_deleted)| !**is_deleted);
        let missed: BTreeSet<i64> =
            live.map(|(id, _)| *id).filter(|id| !listed.contains(id)).collect();
        for id in &missed {
            if twice || self.missed.contains(id) {
                self.rows.insert(*id, true);
            }
        }
        self.missed = missed;
        self.rows.extend(listed.iter().map(|id| (*id, false)));
    }

    fn lines(&self) -> Vec<String> {
        self.rows.iter().map(|(id, is_deleted)| format!("{id}|{}", u8::from(*is_deleted))).collect()
    }
}

fn set_to(listed: &Listed, ids: &BTreeSet<i64>) {
    *lock(listed) = ids.iter().map(|id| (*id, "a".to_owned())).collect();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_are_what_a_model_says(history in proptest::collection::vec(btree_set(-3_i64..9, 3..12), 3..7)) {
        let listed = listing([]);
        let api = api(&listed);
        let sandbox = sandbox(&api.url());
        let mut models = ENDPOINTS.map(|_| Model::default());
        for (run, ids) in history.iter().enumerate() {
            set_to(&listed, ids);
            sandbox.run(&["--run-now"]).expect_status(0);
            for ((name, requests), model) in ENDPOINTS.iter().zip(&mut models) {
                model.read(ids, *requests == "0");
                let sql = format!("SELECT id, _deleted_at IS NOT NULL FROM {name} ORDER BY id");
                prop_assert_eq!(sandbox.lines(&sql), model.lines(), "{} after run {}", name, run + 1);
            }
        }
        prop_assert_eq!(sandbox.count("SELECT count(*) FROM _sync_seen"), 0);
    }
}
