//! Random histories of an API: its rows come, change, move between windows, go and come back, while requests fail, the program
//! is killed and started again, and its configuration changes. Whatever happens, the file is what a plain model allows, and
//! after every complete sweep of a listing that stood still it is exactly that listing.
//!
//! `PROPTEST_CASES=1000 cargo test --locked --test it histories -- --nocapture` goes through as many, and counts.

mod model;
mod world;

use proptest::{collection::vec, prelude::*};

use self::{
    model::Model,
    world::{ENDPOINTS, Fault, Settings, World},
};

/// A step: what becomes of the API and the configuration, and a run in which something may go wrong.
#[derive(Clone, Debug)]
struct Step {
    changes: Vec<Change>,
    settings: Option<Settings>,
    /// What happens to which request of the run, counted from 0.
    fault: Option<(usize, Fault)>,
}

/// What becomes of a row of an endpoint's listing.
#[derive(Clone, Debug)]
struct Change {
    endpoint: usize,
    id: i64,
    /// Its content and the day it is about; `None`: it goes.
    to: Option<(u8, usize)>,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let to = proptest::option::weighted(0.7, (0_u8..3, 0..world::DAYS.len()));
    let change = (0..ENDPOINTS.len(), 0_i64..world::ROWS, to);
    vec(change.prop_map(|(endpoint, id, to)| Change { endpoint, id, to }), 1..9)
}

fn settings() -> impl Strategy<Value = Settings> {
    let (back, ahead, slice) = (
        prop_oneof![Just(9_u8), Just(25)],
        prop_oneof![Just(8_u8), Just(25)],
        prop_oneof![Just(5_u8), Just(11)],
    );
    (any::<bool>(), any::<bool>(), any::<bool>(), back, ahead, slice).prop_map(
        |(keeps, excludes, types, back, ahead, slice)| Settings {
            keeps,
            excludes,
            types,
            back,
            ahead,
            slice,
        },
    )
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::Kill),
        4 => Just(Fault::Status(500)),
        4 => Just(Fault::Status(400)),
        6 => Just(Fault::Cut),
        1 => Just(Fault::Status(429)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let settings = proptest::option::weighted(0.2, settings());
    let fault = proptest::option::weighted(0.6, (0_usize..12, fault()));
    // Half of the steps change nothing: an interrupted sweep is then taken up where it stands, and must come out exact.
    let changes = prop_oneof![Just(Vec::new()), changes()];
    (changes, settings, fault).prop_map(|(changes, settings, fault)| Step {
        changes,
        settings,
        fault,
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

/// What the histories held, so that nobody believes in faults that never came.
#[derive(Debug, Default)]
struct Counts {
    histories: u32,
    runs: u32,
    kills: u32,
    faults: u32,
    settings: u32,
    complete_and_exact: u32,
    complete_while_moving: u32,
    incomplete: u32,
    tombstones: usize,
    unwritten: usize,
}

#[test]
#[expect(clippy::print_stdout, reason = "`--nocapture` shows what a long run has gone through")]
fn the_file_is_what_a_model_says_whatever_happens() {
    let counts = std::cell::RefCell::new(Counts::default());
    let config = ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&vec(step(), 3..9), |history| go_through(&history, &counts));
    let counts = counts.into_inner();
    println!("{counts:?}");
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(counts.complete_and_exact > 0 && counts.kills > 0 && counts.faults > 0, "{counts:?}");
    assert!(counts.tombstones > 0 && counts.unwritten > 0, "{counts:?}");
}

fn go_through(history: &[Step], counts: &std::cell::RefCell<Counts>) -> Result<(), TestCaseError> {
    let mut counts = counts.borrow_mut();
    counts.histories += 1;
    let world = World::new();
    let mut models = ENDPOINTS.map(Model::new);
    let mut settings = Settings::default();
    // At last one run in which nothing goes wrong and another: what one has left open the other settles.
    let calm = Step { changes: Vec::new(), settings: None, fault: None };
    for (number, step) in history.iter().chain([&calm, &calm]).enumerate() {
        for change in &step.changes {
            world.change(change.endpoint, change.id, change.to);
        }
        if let Some(changed) = &step.settings {
            counts.settings += 1;
            settings = changed.clone();
        }
        let run = world.run(&settings, step.fault);
        counts.runs += 1;
        counts.kills += u32::from(run.was_killed);
        counts.faults += u32::from(run.met_fault && !run.was_killed);
        for (endpoint, model) in models.iter_mut().enumerate() {
            let seen = world.look(endpoint);
            let listed = world.listed(endpoint, &settings);
            let verdict = model.check(seen, &listed, &settings);
            let verdict = verdict.map_err(|why| {
                let place = format!("{}, step {number} of", ENDPOINTS[endpoint].name);
                TestCaseError::fail(format!("{place} {history:#?}:\n{why}\n{}", run.stderr))
            })?;
            counts.complete_and_exact += u32::from(verdict.is_exact);
            counts.complete_while_moving += u32::from(verdict.is_complete && !verdict.is_exact);
            counts.incomplete += u32::from(!verdict.is_complete);
            counts.tombstones += verdict.tombstones;
            counts.unwritten += verdict.unwritten;
            let at_the_end = number > history.len();
            prop_assert!(
                !at_the_end || verdict.is_exact,
                "the last run is not complete: {}",
                run.stderr
            );
        }
    }
    Ok(())
}
