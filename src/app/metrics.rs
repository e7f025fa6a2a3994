//! The figures of the daemon for Prometheus: what is counted while it works, and what is read when it is asked.
//!
//! Labels are names of the configuration and words of this program, so that their number is bounded by the configuration.

mod gauges;

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::prometheus_text::{CONTENT_TYPE, encode},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

pub(super) use self::gauges::Snapshot;
use super::watched::Watched;
use crate::{
    store::{RunResult, TOKEN_GROUP},
    sync::{Ending, EndpointReport, Event, FailureClass, JobReport, Waited},
};

/// What all names begin with.
const PREFIX: &str = "mapiq_sync";

/// From a second to six hours: a run waits for the rate limit most of its time.
const RUN_BUCKETS: [f64; 10] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0];

/// From an answer out of a cache to the longest time-out that is of use.
const REQUEST_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

const STATUS_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];
const RESULTS: [RunResult; 3] = [RunResult::Ok, RunResult::Paused, RunResult::Failed];
const CLASSES: [FailureClass; 4] = [
    FailureClass::Database,
    FailureClass::Credentials,
    FailureClass::Unreachable,
    FailureClass::Other,
];
const ROWS: [&str; 5] = ["new", "changed", "unchanged", "deleted", "rejected"];
const WAITS: [Waited; 3] = [Waited::Limit, Waited::Pause, Waited::Retry];

type Labels<const N: usize> = [(&'static str, String); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;
type Seconds<const N: usize> = Family<Labels<N>, Counter<f64, AtomicU64>>;
type Durations<const N: usize> = Family<Labels<N>, Histogram>;

/// What is counted since the daemon's start.
pub(super) struct Metrics {
    registry: Registry,
    requests: Counts<2>,
    request_durations: Durations<1>,
    refusals: Counts<2>,
    waits: Seconds<2>,
    pages: Counts<1>,
    rows: Counts<2>,
    endpoint_runs: Counts<2>,
    failures: Counts<2>,
    mismatches: Counts<1>,
    schema_changes: Counts<1>,
    runs: Counts<2>,
    run_durations: Durations<1>,
    ticks_skipped: Counts<1>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Nothing counted yet, but everything that can be: a counter that first appears with its first event hides that one
    /// from `rate()`.
    pub(super) fn new(watched: &Watched) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let metrics = Self {
            requests: counts(
                &mut registry,
                "requests",
                "Requests sent to the API, by the class of their answer's status",
            ),
            request_durations: durations(
                &mut registry,
                "request_duration",
                "How long a request took, from its sending to the last byte of its answer",
                || Histogram::new(REQUEST_BUCKETS),
            ),
            refusals: counts(
                &mut registry,
                "rate_limit_refusals",
                "Requests that the API has refused by its rate limit (429, a quota that is spent, 503 with Retry-After), by the group that pauses then",
            ),
            waits: {
                let family = Seconds::default();
                let help = "Time that endpoints have waited for their rate limit, for the end of a pause, or for the next try";
                registry.register_with_unit("wait", help, Unit::Seconds, family.clone());
                family
            },
            pages: counts(&mut registry, "pages", "Pages stored"),
            rows: counts(&mut registry, "rows", "What became of the records, by row"),
            endpoint_runs: counts(&mut registry, "endpoint_runs", "Endpoints' runs, by result"),
            failures: counts(
                &mut registry,
                "endpoint_failures",
                "Endpoints' runs that failed, by cause",
            ),
            mismatches: counts(
                &mut registry,
                "mismatches",
                "Endpoints' runs that read another number of records than the API stated",
            ),
            schema_changes: counts(
                &mut registry,
                "schema_changes",
                "Changes of the records' shape: fields that are new, have vanished, or have another type",
            ),
            runs: counts(&mut registry, "runs", "Jobs' runs, by result"),
            run_durations: durations(
                &mut registry,
                "run_duration",
                "How long a job's run took",
                || Histogram::new(RUN_BUCKETS),
            ),
            ticks_skipped: counts(
                &mut registry,
                "ticks_skipped",
                "Scheduled runs that were left out since the one before still went on",
            ),
            registry,
        };
        metrics.prepare(watched);
        metrics
    }

    /// Makes everything that can be counted of these.
    pub(super) fn prepare(&self, watched: &Watched) {
        for endpoint in &watched.endpoints {
            let (name, group) = (endpoint.name.as_str(), endpoint.group.as_str());
            make(&self.request_durations, &of(name));
            make(&self.pages, &of(name));
            make(&self.mismatches, &of(name));
            make(&self.schema_changes, &of(name));
            for group in [group, TOKEN_GROUP] {
                make(&self.refusals, &with(name, "group", group));
            }
            for class in STATUS_CLASSES {
                make(&self.requests, &with(name, "status", class));
            }
            for reason in WAITS {
                make(&self.waits, &with(name, "reason", waited(reason)));
            }
            for result in ROWS {
                make(&self.rows, &with(name, "result", result));
            }
            for result in RESULTS {
                make(&self.endpoint_runs, &with(name, "result", result.as_str()));
            }
            for class in CLASSES {
                make(&self.failures, &with(name, "cause", cause(class)));
            }
        }
        for job in &watched.jobs {
            make(&self.run_durations, &of_job(job));
            make(&self.ticks_skipped, &of_job(job));
            for result in RESULTS {
                make(&self.runs, &of_job_with(job, result.as_str()));
            }
        }
    }

    /// Counts what happens in a run.
    pub(super) fn event(&self, event: &Event<'_>) {
        match event {
            Event::Asked { endpoint, status, took } => {
                self.requests.get_or_create(&with(endpoint, "status", class(*status))).inc();
                self.request_durations.get_or_create(&of(endpoint)).observe(took.as_secs_f64());
            }
            Event::Refused { endpoint, group, .. } => {
                self.refusals.get_or_create(&with(endpoint, "group", group)).inc();
            }
            Event::Waited { endpoint, length, reason } => {
                let waits = self.waits.get_or_create(&with(endpoint, "reason", waited(*reason)));
                waits.inc_by(length.as_secs_f64());
            }
            Event::PageStored { endpoint, rows, .. } => {
                self.pages.get_or_create(&of(endpoint)).inc();
                self.count_rows(endpoint, "new", rows.new);
                self.count_rows(endpoint, "changed", rows.changed);
                self.count_rows(endpoint, "unchanged", rows.unchanged);
            }
            Event::Finished(report) => self.finished(report),
            Event::Queued { .. }
            | Event::Resumed { .. }
            | Event::StartsOver { .. }
            | Event::AsksForChanges { .. }
            | Event::AsksForEverything { .. }
            | Event::Scrubbed { .. }
            | Event::Narrowed { .. }
            | Event::AsksOnceMore { .. }
            | Event::ReadsAgain { .. }
            | Event::Waiting { .. } => {}
        }
    }

    fn finished(&self, report: &EndpointReport) {
        let name = &report.endpoint;
        let result = report.ending.result().as_str();
        self.endpoint_runs.get_or_create(&with(name, "result", result)).inc();
        if let Ending::Failed(error) = &report.ending {
            self.failures.get_or_create(&with(name, "cause", cause(error.class()))).inc();
        }
        self.count_rows(name, "deleted", report.deleted);
        self.count_rows(name, "rejected", report.rejected);
        if report.mismatch.is_some() {
            self.mismatches.get_or_create(&of(name)).inc();
        }
        self.schema_changes.get_or_create(&of(name)).inc_by(report.schema_changes.len() as u64);
    }

    fn count_rows(&self, endpoint: &str, result: &str, rows: u64) {
        self.rows.get_or_create(&with(endpoint, "result", result)).inc_by(rows);
    }

    /// Counts a job's run.
    pub(super) fn run(&self, report: &JobReport) {
        self.runs.get_or_create(&of_job_with(&report.job, report.result().as_str())).inc();
        let elapsed = report.endpoints.iter().map(|endpoint| endpoint.elapsed).max();
        let elapsed = elapsed.unwrap_or(Duration::ZERO).as_secs_f64();
        self.run_durations.get_or_create(&of_job(&report.job)).observe(elapsed);
    }

    /// Counts a job's run that could not begin, or met a fault of this program.
    pub(super) fn run_failed(&self, job: &str) {
        self.runs.get_or_create(&of_job_with(job, RunResult::Failed.as_str())).inc();
    }

    /// Counts a tick that was skipped.
    pub(super) fn tick_skipped(&self, job: &str) {
        self.ticks_skipped.get_or_create(&of_job(job)).inc();
    }

    /// All figures as text, and the type of that.
    ///
    /// # Errors
    /// Never, as a `String` takes whatever is written to it.
    pub(super) fn text(
        &self,
        snapshot: &Snapshot<'_>,
    ) -> Result<(String, &'static str), fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        encode(&mut text, &snapshot.registry(PREFIX))?;
        encode(&mut text, &snapshot.process())?;
        Ok((text, CONTENT_TYPE))
    }
}

/// Makes a figure where there is none yet.
fn make<const N: usize, M: Clone, C: MetricConstructor<M>>(
    family: &Family<Labels<N>, M, C>,
    labels: &Labels<N>,
) {
    drop(family.get_or_create(labels));
}

fn counts<const N: usize>(registry: &mut Registry, name: &str, help: &str) -> Counts<N> {
    let family = Counts::default();
    registry.register(name, help, family.clone());
    family
}

fn durations<const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    make: fn() -> Histogram,
) -> Durations<N> {
    let family = Durations::new_with_constructor(make);
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    family
}

fn of(endpoint: &str) -> Labels<1> {
    [("endpoint", endpoint.to_owned())]
}

fn with(endpoint: &str, label: &'static str, value: &str) -> Labels<2> {
    [("endpoint", endpoint.to_owned()), (label, value.to_owned())]
}

fn of_job(job: &str) -> Labels<1> {
    [("job", job.to_owned())]
}

fn of_job_with(job: &str, result: &str) -> Labels<2> {
    [("job", job.to_owned()), ("result", result.to_owned())]
}

fn class(status: Option<u16>) -> &'static str {
    match status.map(|status| status / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(_) => "5xx",
        None => "none",
    }
}

fn waited(reason: Waited) -> &'static str {
    match reason {
        Waited::Limit => "limit",
        Waited::Pause => "pause",
        Waited::Retry => "retry",
    }
}

fn cause(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Database => "database",
        FailureClass::Credentials => "credentials",
        FailureClass::Unreachable => "unreachable",
        FailureClass::Other => "other",
    }
}
