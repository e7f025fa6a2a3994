//! The flags of `simulate`, and what they mean for the simulator.

use std::{str::FromStr, time::Duration};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use clap::Args;

use crate::simulator::{
    Churn, Fault, Limit, LimiterKind, NextUrl, Settings, Style, Windows, parse_duration, real_now,
};

/// Serve made-up data as the API would, on loopback.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SimulateArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Milliseconds that every response is held back
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency_ms: u64,

    /// Number of users at the start
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().users, help_heading = DATA)]
    users: u64,

    /// Number of buildings, each with a parking lot
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().buildings, help_heading = DATA)]
    buildings: u64,

    /// Number of workspace reservations at the start; none without a user and a building
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().reservations, help_heading = DATA)]
    reservations: u64,

    /// Number of parking reservations at the start; none without a user and a building
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().parking_reservations, help_heading = DATA)]
    parking_reservations: u64,

    /// Another seed gives other data
    #[arg(long, default_value_t = Settings::default().seed, help_heading = DATA)]
    seed: u64,

    /// Days that a reservation is kept after its own day
    #[arg(long, value_name = "DAYS", default_value_t = Settings::default().retention_days, help_heading = DATA)]
    retention: u64,

    /// When the simulated time starts, in UTC: YYYY-MM-DD, or with THH:MM (default: now). Nothing changes on the first
    /// day
    #[arg(long, alias = "today", value_name = "TIME", value_parser = parse_moment, help_heading = TIME)]
    now: Option<NaiveDateTime>,

    /// Simulated seconds in a second: 1440 makes a day a minute, 0 lets the time stand still
    #[arg(long, value_name = "FACTOR", default_value_t = Settings::default().time_scale, value_parser = parse_scale, help_heading = TIME)]
    time_scale: f64,

    /// How listings are cut into pages: any (as the parameters suggest), page, offset, cursor, next-url, link or none
    #[arg(long, default_value = Settings::default().style.name(), help_heading = LISTINGS)]
    style: Style,

    /// The style of one listing (may be repeated)
    #[arg(long, value_name = "PATH=STYLE", value_parser = parse_for_path::<Style>, help_heading = LISTINGS)]
    style_for: Vec<(String, Style)>,

    /// Records of a page at most; a request for more gets these without a word
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().max_page_size, help_heading = LISTINGS)]
    max_page_size: u64,

    /// Leave out how many records there are in all
    #[arg(long, help_heading = LISTINGS)]
    no_total: bool,

    /// Spell the URL of the next page from the path on, without scheme and host
    #[arg(long, help_heading = LISTINGS)]
    relative_next: bool,

    /// Refuse, with a 400, a range of dates of more days than this; 0 refuses none
    #[arg(long, value_name = "DAYS", default_value_t = 0, help_heading = LISTINGS)]
    max_window: u64,

    /// Refuse, with a 400, a range of dates that begins more days than this in the past
    #[arg(long, value_name = "DAYS", help_heading = LISTINGS)]
    max_past: Option<u64>,

    /// Refuse, with a 400, to list reservations and check-ins without a startDate
    #[arg(long, help_heading = LISTINGS)]
    require_window: bool,

    /// Let a listing change between requests (may be repeated); see below
    #[arg(long, value_name = "PATH=RATE[,OPTION=VALUE]…", help_heading = LISTINGS)]
    churn: Vec<Churn>,

    /// Requests that each path takes within the period; 0 is no limit
    #[arg(long, value_name = "REQUESTS", default_value_t = Settings::default().requests, help_heading = LIMIT)]
    limit: u64,

    /// Length of the limit's window: seconds, or with a unit (500ms, 6s, 5m)
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration, help_heading = LIMIT)]
    per: Duration,

    /// A path's own limit, as /v2/check-ins=5/300s (may be repeated)
    #[arg(long, value_name = "PATH=REQUESTS/DURATION", value_parser = parse_limit, help_heading = LIMIT)]
    limit_for: Vec<(String, Limit)>,

    /// How the limit's window lies: sliding, or fixed (one after the other)
    #[arg(long, value_name = "KIND", default_value = "sliding", help_heading = LIMIT)]
    limiter: LimiterKind,

    /// Leave out Retry-After, so that only the message of a 429 tells the wait
    #[arg(long, help_heading = LIMIT)]
    no_retry_after: bool,

    /// Let something go wrong (may be repeated); see below
    #[arg(long, value_name = "PATH=KIND[,OPTION=VALUE]…", help_heading = FAULTS)]
    fault: Vec<Fault>,

    /// A path that the client lacks the permission for (may be repeated)
    #[arg(long, value_name = "PATH", help_heading = FAULTS)]
    forbid: Vec<String>,

    /// How long a token is good for: seconds, or with a unit (90s, 60m)
    #[arg(long, value_name = "DURATION", default_value = "3600s", value_parser = parse_duration, help_heading = TOKENS)]
    token_lifetime: Duration,

    /// Send the numbers of a token response as strings, as some token endpoints do
    #[arg(long, help_heading = TOKENS)]
    token_numbers_as_strings: bool,

    /// The only client that gets a token
    #[arg(long, value_name = "ID", default_value_t = Settings::default().client_id, help_heading = TOKENS)]
    client_id: String,

    /// That client's secret, which is printed: no real one, please
    #[arg(long, value_name = "SECRET", default_value_t = Settings::default().client_secret, help_heading = TOKENS)]
    client_secret: String,

    /// The only scope that a token can be asked for
    #[arg(long, default_value_t = Settings::default().scope, help_heading = TOKENS)]
    scope: String,
}

const DATA: &str = "Data";
const TIME: &str = "Time";
const LISTINGS: &str = "Listings";
const LIMIT: &str = "Limit";
const FAULTS: &str = "Faults and permissions";
const TOKENS: &str = "Tokens";

const AFTER_HELP: &str = "Faults:
  A fault befalls one request for its path, those after it are answered as they
  should be. Its kinds:
    400 … 599      that status, as the gateway words it; 401 makes all tokens
                   given out so far bad
    quota, forbidden            the 403s
    invalid-client              the token endpoint refuses the credentials
    reset-before, reset-middle, reset-end   the connection is reset: before a
                   response, in the middle of its body, before its last byte
    close-before, close-middle, close-end   the same, without a reset
    cut-json, html, empty       a wrong body with status 200
    slow, endless, hang         a body in drips, one without an end, no answer
    redirect                    to another URL
  Its options:
    times=N        befall so many requests (1); 0 means all from then on
    skip=N         let so many pass before (0)
    query=A=B      only requests with this parameter, as query=page=3
    told=FORM      how a 429 or 503 tells the wait: both, header, date, past,
                   message, zero, nonsense, silent
    wait=SECONDS   the wait that it tells (1)
    bytes=N, every-ms=N         pieces of slow and endless bodies (64, 100)
    to=URL         where a redirect leads
  For example --fault /v2/users=503,told=date,wait=2,times=3

Churn:
  Before each answer with records so many changes, on average, befall the
  listing, which then no longer changes with the time. Options:
    kinds=A+B…     of insert, delete, return, change, move (to other times),
                   resort and resort-front (changed, and to the end or front);
                   insert+delete+change if left out
    requests=N     no more after so many answers
  For example --churn /v2/users=2.5,kinds=insert+delete

While it runs, without a token:
  GET /openapi.json               the definition of the API
  GET /_simulator/requests        what was asked for; ?path=/v2/users
  GET /_simulator/stats           the same, in numbers
  POST /_simulator/faults         add a fault: {\"path\": …, \"kind\": …}, and
                                  options as above; DELETE forgets all, GET
                                  lists them
  GET /_simulator/churn?path=…    what happened to a changing listing, and what
                                  it has now; &from=A&to=B: between requests
  POST /_simulator/churn          change so much from now on: {\"rate\": 0}
  POST /_simulator/time           put the time forward: {\"advance\": \"36h\"}";

impl SimulateArgs {
    /// The port to listen on.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl From<SimulateArgs> for Settings {
    fn from(args: SimulateArgs) -> Self {
        Self {
            client_id: args.client_id,
            client_secret: args.client_secret,
            scope: args.scope,
            token_lifetime: args.token_lifetime,
            token_numbers_as_strings: args.token_numbers_as_strings,
            users: args.users,
            buildings: args.buildings,
            reservations: args.reservations,
            parking_reservations: args.parking_reservations,
            seed: args.seed,
            now: args.now.unwrap_or_else(real_now),
            time_scale: args.time_scale,
            retention_days: args.retention,
            style: args.style,
            styles: args.style_for,
            max_page_size: args.max_page_size,
            totals: !args.no_total,
            next_url: if args.relative_next { NextUrl::Relative } else { NextUrl::Absolute },
            windows: Windows {
                max_days: args.max_window,
                max_past_days: args.max_past,
                required: args.require_window,
            },
            forbidden: args.forbid,
            requests: args.limit,
            per: args.per,
            limiter: args.limiter,
            limits: args.limit_for,
            retry_after_header: !args.no_retry_after,
            latency: Duration::from_millis(args.latency_ms),
            churns: args.churn,
            faults: args.fault,
        }
    }
}

/// Reads a day, which is its first moment, or a day and a time.
fn parse_moment(text: &str) -> Result<NaiveDateTime, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN));
    }
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .ok_or_else(|| "not a time such as 2026-06-30 or 2026-06-30T12:00".to_owned())
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.0..=1e6).contains(&scale) => Ok(scale),
        _ => Err("not a number from 0 to 1000000".into()),
    }
}

/// Reads `PATH=VALUE`.
fn parse_for_path<T: FromStr<Err = String>>(text: &str) -> Result<(String, T), String> {
    let (path, value) = split_path(text)?;
    Ok((path.to_owned(), value.parse()?))
}

/// Reads `PATH=REQUESTS/DURATION`.
fn parse_limit(text: &str) -> Result<(String, Limit), String> {
    let (path, limit) = split_path(text)?;
    let (requests, per) = limit.split_once('/').ok_or("not a limit such as 5/300s")?;
    let requests = requests.parse().map_err(|_| format!("`{requests}` is not a whole number"))?;
    Ok((path.to_owned(), Limit { requests, per: parse_duration(per)? }))
}

fn split_path(text: &str) -> Result<(&str, &str), String> {
    let split = text.split_once('=').filter(|(path, _)| path.starts_with('/'));
    split.ok_or_else(|| "must begin with a path and =, such as /v2/users=".to_owned())
}

#[cfg(test)]
mod tests;
