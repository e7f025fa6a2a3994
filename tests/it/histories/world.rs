//! The API of the histories, and the program that is run against it.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::body::{Body, Bytes};
use chrono::{Days, NaiveDate, Utc};
use rusqlite::types::Value;
use rustix::process::{Pid, Signal, kill_process};

use super::model::{Content, Listed, Row, Seen};
use crate::support::{Answer, Api, Asked, Finished, Sandbox};

/// Records of a page.
const SIZE: usize = 2;

/// As many rows an endpoint has at most, and in the beginning.
pub(super) const ROWS: i64 = 8;

/// The days that rows are about, from today: none near enough to today or to a window's end for midnight to matter.
pub(super) const DAYS: [i64; 6] = [-20, -13, -5, 5, 12, 20];

/// An endpoint of the API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) name: &'static str,
    pub(super) has_window: bool,
}

/// A snapshot and a window.
pub(super) const ENDPOINTS: [Endpoint; 2] = [
    Endpoint { name: "users", has_window: false },
    Endpoint { name: "bookings", has_window: true },
];

/// What may happen to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// The program is killed when it arrives.
    Kill,
    Status(u16),
    /// The connection breaks in the middle of the body.
    Cut,
}

/// What a history changes in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) keeps: bool,
    pub(super) excludes: bool,
    pub(super) types: bool,
    pub(super) back: u8,
    pub(super) ahead: u8,
    pub(super) slice: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keeps: false, excludes: false, types: false, back: 25, ahead: 25, slice: 11 }
    }
}

impl Settings {
    pub(super) fn covers(&self, day: i64) -> bool {
        -i64::from(self.back) <= day && day <= i64::from(self.ahead)
    }

    fn endpoint(&self, endpoint: Endpoint) -> String {
        let name = endpoint.name;
        let mut text = format!(
            "[[endpoint]]\nname = \"{name}\"\npath = \"/{name}\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"total\"\n\
             pagination = {{ style = \"page\" }}\nmissing = {{ confirm = false }}\n"
        );
        text += if self.keeps { "on_missing = \"keep\"\n" } else { "" };
        text += if self.excludes { "exclude = [\"extra\"]\n" } else { "" };
        text += if self.types { "types = { number = \"text\" }\n" } else { "" };
        if endpoint.has_window {
            let Self { back, ahead, slice, .. } = self;
            let window = format!(
                "[endpoint.window]\nfield = \"day\"\nback = \"{back}d\"\nahead = \"{ahead}d\"\nslice = \"{slice}d\"\n"
            );
            text += &window;
        }
        text
    }
}

/// A run that has ended.
pub(super) struct Run {
    pub(super) was_killed: bool,
    pub(super) met_fault: bool,
    pub(super) stderr: String,
}

#[derive(Default)]
struct Served {
    /// The rows of each endpoint: content and day.
    rows: [BTreeMap<i64, (u8, usize)>; ENDPOINTS.len()],
    /// The fault that is still to come, after so many requests.
    fault: Option<(usize, Fault)>,
    child: Option<Pid>,
}

pub(super) struct World {
    served: Arc<Mutex<Served>>,
    today: NaiveDate,
    sandbox: Sandbox,
    api: Api,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a test looks at the program from outside")]
    pub(super) fn new() -> Self {
        let rows = || (0..ROWS).zip(DAYS.into_iter().enumerate().cycle());
        let rows = || rows().map(|(id, (day, _))| (id, (0, day))).collect();
        let served = Served { rows: ENDPOINTS.map(|_| rows()), ..Served::default() };
        let served = Arc::new(Mutex::new(served));
        let today = Utc::now().date_naive();
        let answers = Arc::clone(&served);
        let api = Api::serve(move |asked| answer(&mut lock(&answers), asked, today));
        Self { served, today, sandbox: Sandbox::new(), api }
    }

    pub(super) fn change(&self, endpoint: usize, id: i64, to: Option<(u8, usize)>) {
        let rows = &mut lock(&self.served).rows[endpoint];
        match to {
            Some(to) => rows.insert(id, to),
            None => rows.remove(&id),
        };
    }

    /// Runs the program once, to its end or to its death.
    pub(super) fn run(&self, settings: &Settings, fault: Option<(usize, Fault)>) -> Run {
        let url = self.api.url();
        let endpoints = ENDPOINTS.map(|endpoint| settings.endpoint(endpoint)).concat();
        self.sandbox.write(
            "config.toml",
            &format!(
                "[api]\nbase_url = \"{url}\"\ntoken_url = \"{url}/token\"\n[rate_limit]\nrequests = 0\nper = \"1s\"\n\
                 [retry]\nmax_elapsed = \"1ms\"\n{endpoints}\n\
                 [[job]]\nname = \"all\"\nschedule = \"* * * * * *\"\nendpoints = [\"users\", \"bookings\"]\n"
            ),
        );
        let child = {
            // Held until the child is known: a request that ends it comes later.
            let mut served = lock(&self.served);
            served.fault = fault;
            let mut command = self.sandbox.command(&["--run-now"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let child = child.expect("the binary starts");
            served.child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            child
        };
        let finished = Finished::from(child.wait_with_output().expect("a child can be waited for"));
        let mut served = lock(&self.served);
        served.child = None;
        let met_fault = fault.is_some() && served.fault.take().is_none();
        Run { was_killed: finished.status.is_none(), met_fault, stderr: finished.stderr }
    }

    /// What an endpoint returns by these settings.
    pub(super) fn listed(&self, endpoint: usize, settings: &Settings) -> Listed {
        let served = lock(&self.served);
        let rows = served.rows[endpoint].iter().map(|(id, row)| (*id, content(*row)));
        let is_asked_for = |day| !ENDPOINTS[endpoint].has_window || settings.covers(day);
        rows.filter(|(_, content)| is_asked_for(content.day)).collect()
    }

    /// What an endpoint's table holds.
    pub(super) fn look(&self, endpoint: usize) -> Seen {
        let name = ENDPOINTS[endpoint].name;
        // A run that was killed at its first request may have come to no database at all.
        if !self.sandbox.database().exists()
            || !self.has("sqlite_master", &format!("name = '{name}'"))
        {
            return Seen::default();
        }
        let ran = self.sandbox.query(&format!(
            "SELECT run_id, result FROM _sync_endpoint_runs WHERE endpoint = '{name}' ORDER BY run_id DESC LIMIT 1"
        ));
        let last = ran.first().map(|run| (number(&run[0]), text(&run[1]) == "ok"));
        // A column comes with the first value that is not null.
        let column = |column: &str| {
            let is_there =
                self.has(&format!("pragma_table_info('{name}')"), &format!("name = '{column}'"));
            if is_there { format!("CAST({column} AS TEXT)") } else { "NULL".to_owned() }
        };
        let columns = ["value", "number", "day", "extra"].map(column).join(", ");
        let rows = self.sandbox.query(&format!(
            "SELECT id, {columns}, _deleted_at IS NOT NULL, _run_id, _first_seen_at, _changed_at FROM {name}"
        ));
        Seen { last, rows: rows.iter().map(|row| (number(&row[0]), self.row(row))).collect() }
    }

    fn has(&self, table: &str, condition: &str) -> bool {
        self.sandbox.count(&format!("SELECT count(*) FROM {table} WHERE {condition}")) > 0
    }

    fn row(&self, row: &[Value]) -> Row {
        let day: NaiveDate = text(&row[3]).parse().expect("a day is stored as it was sent");
        let content = Content {
            value: text(&row[1]),
            number: text(&row[2]),
            day: day.signed_duration_since(self.today).num_days(),
            extra: Some(text(&row[4])).filter(|extra| !extra.is_empty()),
        };
        let is_deleted = number(&row[5]) == 1;
        let (first_seen_at, changed_at) = (text(&row[7]), text(&row[8]));
        Row { content, is_deleted, run: number(&row[6]), first_seen_at, changed_at }
    }
}

fn content((content, day): (u8, usize)) -> Content {
    Content {
        value: format!("value {content}"),
        number: content.to_string(),
        day: DAYS[day],
        extra: Some(format!("extra {content}")),
    }
}

/// The page that is asked for, or what happens in its place.
fn answer(served: &mut Served, asked: &Asked, today: NaiveDate) -> Answer {
    match served.fault.take() {
        Some((0, fault)) => match fault {
            Fault::Kill => {
                let child = served.child.expect("a request comes from the child");
                kill_process(child, Signal::KILL).expect("the child is alive as it asks");
            }
            Fault::Status(status) => {
                return Answer::status(status, r#"{"message":"It is not to be."}"#);
            }
            Fault::Cut => {
                let pieces = [
                    Ok(Bytes::from_static(b"{\"items\":[{\"id\":")),
                    Err(std::io::Error::other("the connection breaks")),
                ];
                return Answer::json(Body::from_stream(futures_util::stream::iter(pieces)));
            }
        },
        later => served.fault = later.map(|(requests, fault)| (requests - 1, fault)),
    }
    let endpoint = ENDPOINTS
        .iter()
        .position(|endpoint| asked.path == format!("/{}", endpoint.name))
        .expect("only endpoints are asked for");
    let date = |day: i64| {
        let distance = Days::new(day.unsigned_abs());
        (if day < 0 { today - distance } else { today + distance }).to_string()
    };
    let (from, to) = (asked.param("startDate"), asked.param("endDate"));
    let records: Vec<String> = served.rows[endpoint]
        .iter()
        .map(|(id, row)| (id, content(*row)))
        .map(|(id, content)| (id, date(content.day), content))
        .filter(|(_, day, _)| from.is_empty() || (from <= day.as_str() && day.as_str() <= to))
        .map(|(id, day, Content { value, number, extra, .. })| {
            let extra = extra.unwrap_or_default();
            format!(r#"{{"id":{id},"value":"{value}","number":{number},"day":"{day}","extra":"{extra}"}}"#)
        })
        .collect();
    let page = records.iter().skip((asked.number("page") - 1) * SIZE).take(SIZE);
    let page: Vec<&str> = page.map(String::as_str).collect();
    Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, page.join(","), records.len()))
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null => String::new(),
        other => panic!("{other:?} is no text"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
