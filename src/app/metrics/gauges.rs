//! What is read at the moment when it is asked for.

use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{
    app::watched::Watched,
    store::{Overview, Sizes},
};

/// How everything is, at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot<'s> {
    /// That moment.
    pub(crate) now: DateTime<Utc>,
    /// When the daemon was started.
    pub(crate) started: DateTime<Utc>,
    /// What the configuration has.
    pub(crate) watched: &'s Watched,
    /// What the database has; `None`: it could not be read.
    pub(crate) overview: Option<Overview>,
    /// The sizes of its files.
    pub(crate) sizes: Sizes,
    /// When the access token ends; `None`: there is none.
    pub(crate) token_expires: Option<DateTime<Utc>>,
}

/// The values of one gauge, each with its labels.
type Values<const N: usize> = Vec<([(&'static str, String); N], f64)>;

impl Snapshot<'_> {
    /// Everything of this program.
    pub(super) fn registry(&self, prefix: &str) -> Registry {
        let mut gauges = Gauges(Registry::with_prefix(prefix));
        let version = [("version", env!("CARGO_PKG_VERSION").to_owned())];
        gauges.add("build_info", "The program's version", vec![(version, 1.0)]);
        gauges.add(
            "database_up",
            "Whether the database could be read for these figures",
            vec![([], f64::from(u8::from(self.overview.is_some())))],
        );
        gauges.add_bytes("database_size", "The size of the database's file", self.sizes.database);
        gauges.add_bytes("database_wal_size", "The size of the database's log", self.sizes.log);
        let expires = self.token_expires.map(|expires| ([], timestamp(expires)));
        gauges.add_seconds(
            "token_expiry_timestamp",
            "When the access token at hand ends",
            expires.into_iter().collect(),
        );
        if let Some(overview) = &self.overview {
            self.add_endpoints(&mut gauges, overview);
            add_budgets(&mut gauges, overview);
            let checked = overview.checked_at.map(|at| ([], timestamp(at)));
            gauges.add_seconds(
                "database_checked_timestamp",
                "When the database was last found to be whole",
                checked.into_iter().collect(),
            );
        }
        gauges.0
    }

    /// What every process tells of itself by the same name.
    pub(super) fn process(&self) -> Registry {
        let mut gauges = Gauges(Registry::default());
        gauges.add_seconds(
            "process_start_time",
            "When the process was started",
            vec![([], timestamp(self.started))],
        );
        gauges.0
    }

    fn add_endpoints(&self, gauges: &mut Gauges, overview: &Overview) {
        let (mut as_of, mut age, mut stale) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rejects, mut waiting) = (Vec::new(), Vec::new());
        for (watched, found) in self.watched.endpoints.iter().zip(&overview.endpoints) {
            let labels = || [("endpoint", found.endpoint.clone())];
            if let Some(at) = found.as_of {
                as_of.push((labels(), timestamp(at)));
                age.push((labels(), (timestamp(self.now) - timestamp(at)).max(0.0)));
            }
            let until = watched.fresh_until(found, self.started);
            let is_stale = until.is_some_and(|until| until < self.now);
            stale.push((labels(), f64::from(u8::from(is_stale))));
            rejects.push((labels(), number(found.rejects)));
            waiting.push((labels(), number(found.deletions_waiting.unwrap_or(0))));
        }
        gauges.add_seconds(
            "data_as_of_timestamp",
            "The moment from which the rows are: when the last complete reading was begun",
            as_of,
        );
        gauges.add_seconds("data_age", "How long ago that was", age);
        gauges.add(
            "data_stale",
            "Whether the rows are older than stale_after, or three scheduled moments, allow",
            stale,
        );
        gauges.add("rejects", "Records kept that cannot be stored", rejects);
        gauges.add(
            "deletions_waiting",
            "Rows that wait for a yes to be marked as deleted",
            waiting,
        );
    }
}

fn add_budgets(gauges: &mut Gauges, overview: &Overview) {
    let (mut limit, mut period, mut left, mut paused) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for budget in &overview.budgets {
        let labels = || [("group", budget.group.clone())];
        if let Some(remaining) = budget.left {
            limit.push((labels(), f64::from(budget.limit.requests)));
            period.push((labels(), budget.limit.per.as_secs_f64()));
            left.push((labels(), f64::from(remaining)));
        }
        let until = budget.pause.as_ref().map_or(0.0, |(until, _)| timestamp(*until));
        paused.push((labels(), until));
    }
    gauges.add("rate_limit_requests", "Requests that the limit allows in a period", limit);
    gauges.add_seconds("rate_limit_period", "The period of the limit", period);
    gauges.add("rate_limit_remaining_requests", "Requests that the limit leaves for now", left);
    gauges.add_seconds(
        "paused_until_timestamp",
        "Until when the API has asked not to be asked; 0 where it has not",
        paused,
    );
}

/// Gauges, as they are put together.
struct Gauges(Registry);

impl Gauges {
    fn add<const N: usize>(&mut self, name: &str, help: &str, values: Values<N>) {
        self.0.register(name, help, family(values));
    }

    fn add_seconds<const N: usize>(&mut self, name: &str, help: &str, values: Values<N>) {
        self.0.register_with_unit(name, help, Unit::Seconds, family(values));
    }

    fn add_bytes(&mut self, name: &str, help: &str, bytes: u64) {
        self.0.register_with_unit(name, help, Unit::Bytes, family(vec![([], number(bytes))]));
    }
}

type GaugeFamily<const N: usize> = Family<[(&'static str, String); N], Gauge<f64, AtomicU64>>;

fn family<const N: usize>(values: Values<N>) -> GaugeFamily<N> {
    let family = GaugeFamily::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    family
}

/// Seconds since 1970, as Prometheus tells moments.
#[expect(clippy::cast_precision_loss, reason = "microseconds are exact until the year 2255")]
fn timestamp(moment: DateTime<Utc>) -> f64 {
    moment.timestamp_micros() as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a figure of 2^53 is as good rounded")]
fn number(count: u64) -> f64 {
    count as f64
}
