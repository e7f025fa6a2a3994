//! Random histories of an API, of runs that fail and go on, and of what may change meanwhile: whatever has changed is fetched.

use std::{collections::BTreeMap, time::Duration};

use chrono::Days;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::{
    api::pagination::Style,
    limits::Limit,
    rows::Transforms,
    sync::{EndpointSettings, OnMissing, WindowEnd, WindowSettings, plan::Occasion},
};

const HERE: Occasion = Occasion { zone: Tz::UTC, backfill: None };

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// So many hours pass.
    Pass(i64),
    /// A row changes, and may move to another day.
    Change { row: usize, moves_by: i64 },
    /// The wall clock is so many hours ahead, or behind, from now on.
    Skew(i64),
    /// A run, which stops after so many slices where it does not come to its end, and reads a slice an hour.
    Run { stops_after: Option<usize> },
    /// The window reaches so many days back from now on.
    Back(i64),
    /// The path is another one from now on.
    Path(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..30_i64).prop_map(Step::Pass),
        6 => (0..6_usize, prop_oneof![3 => Just(0), 1 => -9..9_i64])
            .prop_map(|(row, moves_by)| Step::Change { row, moves_by }),
        1 => prop_oneof![1 => -40..40_i64, 1 => Just(0)].prop_map(Step::Skew),
        6 => prop_oneof![2 => Just(None), 1 => (0..4_usize).prop_map(Some)]
            .prop_map(|stops_after| Step::Run { stops_after }),
        1 => (0..9_i64).prop_map(Step::Back),
        1 => any::<bool>().prop_map(Step::Path),
    ]
}

/// A row, at the API and, with the path that it came by, in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    changed_at: DateTime<Utc>,
    day: DateTime<Utc>,
}

/// A sweep as the store has it.
#[derive(Clone, Debug)]
struct Open {
    fingerprint: String,
    /// When it was planned, by the wall clock, by the boot's, and in truth.
    planned: (Now, DateTime<Utc>),
    is_full: bool,
    /// The dates that it was to cover when it was planned.
    whole: (DateTime<Utc>, DateTime<Utc>),
    slices: Vec<Bounds>,
    /// How many of them are read.
    read: usize,
}

struct World {
    endpoint: EndpointSettings,
    /// The true time, by which the API stamps what changes.
    time: DateTime<Utc>,
    skew: TimeDelta,
    rows: Vec<Row>,
    stored: BTreeMap<usize, (Row, String)>,
    coverage: Option<Coverage>,
    open: Option<Open>,
    /// Complete sweeps that have asked for everything, and others.
    sweeps: (usize, usize),
}

impl World {
    fn new() -> Self {
        let time = utc("2026-03-10T12:00:00Z");
        let rows = (0..6_u64)
            .map(|row| Row { changed_at: time, day: time + Days::new(2 * row) - Days::new(6) })
            .collect();
        let window = WindowSettings {
            from_param: "startDate".into(),
            to_param: "endDate".into(),
            field: None,
            back: TimeDelta::days(3),
            ahead: TimeDelta::days(4),
            slice: Some(TimeDelta::days(3)),
            format: DateFormat::new("%Y-%m-%d").expect("the format is valid"),
            end: WindowEnd::Inclusive,
        };
        let endpoint = EndpointSettings {
            name: "bookings".into(),
            path: "/a".into(),
            params: Vec::new(),
            records: None,
            total: None,
            pagination: Style::None,
            window: Some(window),
            since: Some(settings()),
            limit: Limit { requests: 0, per: Duration::from_mins(1) },
            group: "bookings".into(),
            transforms: Transforms::default(),
            on_missing: OnMissing::Keep,
            stale_after: None,
        };
        Self {
            endpoint,
            time,
            skew: TimeDelta::zero(),
            rows,
            stored: BTreeMap::new(),
            coverage: None,
            open: None,
            sweeps: (0, 0),
        }
    }

    fn window(&mut self) -> &mut WindowSettings {
        self.endpoint.window.as_mut().expect("it has a window")
    }

    fn now(&self) -> Now {
        let nanos = self.time.timestamp_nanos_opt().expect("it is near 2026");
        Now { wall: self.time + self.skew, boot: BootTime::from_nanos(nanos) }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Pass(hours) => self.time += TimeDelta::hours(hours),
            Step::Change { row, moves_by } => {
                // Later than whatever was read before.
                self.time += TimeDelta::minutes(1);
                let row = &mut self.rows[row];
                *row = Row { changed_at: self.time, day: row.day + TimeDelta::days(moves_by) };
            }
            Step::Skew(hours) => self.skew = TimeDelta::hours(hours),
            Step::Back(days) => self.window().back = TimeDelta::days(days),
            Step::Path(other) => self.endpoint.path = if other { "/b" } else { "/a" }.into(),
            Step::Run { stops_after } => {
                let open = self.open();
                return self.read(open, stops_after);
            }
        }
        Ok(())
    }

    /// As `Sweeper::open` and the store do it.
    fn open(&mut self) -> Open {
        let now = self.now();
        let fingerprint = plan::fingerprint(&self.endpoint, HERE);
        let since = self.endpoint.since.as_ref().expect("it is asked for changes");
        let known = known(since, &fingerprint, self.coverage.as_ref(), now);
        if let Some(mut open) = self.open.take().filter(|open| open.fingerprint == fingerprint) {
            let end = open.slices.iter().filter_map(|slice| slice.upper.clone()).max();
            let window = self.endpoint.window.as_ref().expect("it has a window");
            let end = end.expect("a window has slices");
            open.slices.extend(plan::beyond(window, HERE, now.wall, &end, None));
            return open;
        }
        if known.is_err() {
            self.coverage = None;
        }
        let slices = plan::slices(&self.endpoint, HERE, now.wall, None, known.as_ref().ok());
        let today = now.wall.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        let WindowSettings { back, ahead, .. } = *self.window();
        Open {
            fingerprint,
            planned: (now, self.time),
            is_full: slices.iter().all(|slice| slice.since.is_none()),
            whole: (today - back, today + TimeDelta::days(1) + ahead),
            slices,
            read: 0,
        }
    }

    /// Reads what is left of a sweep, or as much of it as the run comes to.
    fn read(&mut self, mut open: Open, stops_after: Option<usize>) -> Result<(), TestCaseError> {
        let left = open.slices.len() - open.read;
        let slices = open.slices.iter().skip(open.read).take(stops_after.unwrap_or(left));
        for bounds in slices {
            open.read += 1;
            let asked = Span::of(bounds).expect("a window's slices have bounds");
            for (id, row) in self.rows.iter().enumerate() {
                let day = row.day.naive_utc();
                let is_asked_for = asked.lower <= day
                    && day < asked.upper
                    && bounds.since.is_none_or(|since| row.changed_at > since);
                if is_asked_for {
                    self.stored.insert(id, (*row, self.endpoint.path.clone()));
                }
            }
            self.time += TimeDelta::hours(1);
        }
        if open.read < open.slices.len() {
            self.open = Some(open);
            return Ok(());
        }
        self.note(&open);
        self.check(&open)
    }

    /// As `store::coverage::note` does it.
    fn note(&mut self, open: &Open) {
        let (planned, _) = open.planned;
        let full_at = self.coverage.as_ref().map(|coverage| coverage.full_at);
        let Some(full_at) =
            full_at.filter(|_| !open.is_full).or(open.is_full.then_some(planned.wall))
        else {
            return;
        };
        self.coverage = Some(Coverage {
            fingerprint: open.fingerprint.clone(),
            dates: Bounds {
                lower: open.slices.iter().filter_map(|slice| slice.lower.clone()).min(),
                upper: open.slices.iter().filter_map(|slice| slice.upper.clone()).max(),
                since: None,
            },
            known_at: planned.wall,
            known_at_boot: Some(planned.boot),
            full_at,
            deletions_wait: false,
        });
        *(if open.is_full { &mut self.sweeps.0 } else { &mut self.sweeps.1 }) += 1;
    }

    /// What a complete sweep was to cover is in the file as it was when the sweep was planned, by the path of now. Rows that
    /// have changed since may have slipped through; the next one has them. A clock that is ahead at that time is not to be
    /// helped: it is once it goes right that nothing must be missing.
    fn check(&self, open: &Open) -> Result<(), TestCaseError> {
        let (now, planned) = open.planned;
        if now.wall > planned {
            return Ok(());
        }
        let (lower, upper) = open.whole;
        for (id, row) in self.rows.iter().enumerate() {
            if row.changed_at <= planned && lower <= row.day && row.day < upper {
                let expected = (*row, self.endpoint.path.clone());
                prop_assert_eq!(self.stored.get(&id), Some(&expected), "row {} of {:?}", id, open);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_has_changed_is_fetched(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step)?;
        }
        // In the end it goes right again, and nothing is missing.
        world.skew = TimeDelta::zero();
        for _ in 0..2 {
            world.take(&Step::Run { stops_after: None })?;
        }
    }
}

#[test]
fn a_quiet_week_is_mostly_asked_for_changes() {
    let mut world = World::new();
    for _ in 0..14 {
        for step in [Step::Pass(12), Step::Run { stops_after: None }] {
            world.take(&step).expect("nothing is missing");
        }
    }
    // The last of them is more than seven days after the first.
    assert_eq!(world.sweeps, (2, 12));
}
