//! What a simulator is told.

use std::{str::FromStr, time::Duration};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::{churn::Churn, faults::Fault};

/// The first day of the default data: fixed, so that the same settings give the same data on any day.
const START: NaiveDate = NaiveDate::from_ymd_opt(2026, 6, 30).expect("a day of the calendar");

/// What the simulator serves and how it behaves. The default is what is documented of the real service, with a small
/// tenant's data.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The only client that gets a token.
    pub client_id: String,
    /// Its made-up secret.
    pub client_secret: String,
    /// The only scope that a token can be asked for.
    pub scope: String,
    /// How long a token is good for: its `expires_in`.
    pub token_lifetime: Duration,
    /// Whether the numbers of a token response are sent as strings, as Azure AD's v1 endpoints do.
    pub token_numbers_as_strings: bool,
    /// How many users there are at the start.
    pub users: u64,
    /// How many buildings there are, each with a parking lot.
    pub buildings: u64,
    /// How many workspace reservations there are at the start; none without a user and a building.
    pub reservations: u64,
    /// How many parking reservations there are at the start; none without a user and a building.
    pub parking_reservations: u64,
    /// Another seed gives other data.
    pub seed: u64,
    /// When the simulation starts, in UTC: what lies before has happened.
    pub now: NaiveDateTime,
    /// How many simulated seconds pass in a second; 0 lets the clock stand still. Nothing changes on the first day.
    pub time_scale: f64,
    /// How many days a reservation is kept after its own day.
    pub retention_days: u64,
    /// The style of every listing that [`Self::styles`] does not name.
    pub style: Style,
    /// The style of some listings, by path.
    pub styles: Vec<(String, Style)>,
    /// The most records of one page; a request for more gets these, and no word of it.
    pub max_page_size: u64,
    /// Whether a listing says how many records it has.
    pub totals: bool,
    /// How a listing spells the URL of its next page.
    pub next_url: NextUrl,
    /// Which ranges of dates are refused.
    pub windows: Windows,
    /// The paths that the client lacks the permission for.
    pub forbidden: Vec<String>,
    /// How many requests each endpoint's path takes within [`Self::per`]; 0 means any number.
    pub requests: u64,
    /// The length of the window that [`Self::requests`] is about.
    pub per: Duration,
    /// How a window lies.
    pub limiter: LimiterKind,
    /// The limits of paths that deviate.
    pub limits: Vec<(String, Limit)>,
    /// Whether a refusal for the limit carries `Retry-After`; else only its message tells the wait.
    pub retry_after_header: bool,
    /// How long a response is held back, after the request was counted.
    pub latency: Duration,
    /// The listings that change between requests, and how: these do not change with the time.
    pub churns: Vec<Churn>,
    /// What goes wrong, from the start; more can be asked for later.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: "demo".into(),
            client_secret: "demo".into(),
            scope: "https://api.mapiq.com/public/.default".into(),
            token_lifetime: Duration::from_hours(1),
            token_numbers_as_strings: false,
            users: 1_000,
            buildings: 12,
            reservations: 20_000,
            parking_reservations: 2_000,
            seed: 1,
            now: START.and_time(NaiveTime::MIN),
            time_scale: 1.0,
            retention_days: 75,
            style: Style::Any,
            styles: Vec::new(),
            max_page_size: 500,
            totals: true,
            next_url: NextUrl::Absolute,
            windows: Windows::default(),
            forbidden: Vec::new(),
            requests: 20,
            per: Duration::from_mins(1),
            limiter: LimiterKind::Sliding,
            limits: Vec::new(),
            retry_after_header: true,
            latency: Duration::ZERO,
            churns: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Settings {
    /// The style of the listing at a path.
    pub(crate) fn style_of(&self, path: &str) -> Style {
        let own = self.styles.iter().rev().find(|(of, _)| of == path);
        own.map_or(self.style, |(_, style)| *style)
    }

    /// The limit of a path.
    pub(crate) fn limit_of(&self, path: &str) -> Limit {
        let own = self.limits.iter().rev().find(|(of, _)| of == path);
        own.map_or(Limit { requests: self.requests, per: self.per }, |(_, limit)| *limit)
    }
}

/// How a listing is cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As the parameters of a request suggest: `cursor` or `offset` where there is one, else by page.
    Any,
    /// `page` and `pageSize`; the records lie under `items`, beside `totalCount` and `page`.
    Page,
    /// `offset` and `limit`; the records lie under `items`, beside `totalCount` and `offset`.
    Offset,
    /// `cursor` and `pageSize`; the records lie under `items`, beside `totalCount` and `nextCursor`.
    Cursor,
    /// `pageSize`; the records lie under `items`, beside `totalCount` and `nextUrl`.
    NextUrl,
    /// `pageSize`; the body is an array, and the next page's URL is in the `Link` header (RFC 8288).
    Link,
    /// The body is an array of all records.
    None,
}

impl Style {
    /// All styles.
    pub const ALL: [Self; 7] =
        [Self::Any, Self::Page, Self::Offset, Self::Cursor, Self::NextUrl, Self::Link, Self::None];

    /// Its name, as flags and the parameter `style` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Page => "page",
            Self::Offset => "offset",
            Self::Cursor => "cursor",
            Self::NextUrl => "next-url",
            Self::Link => "link",
            Self::None => "none",
        }
    }
}

impl FromStr for Style {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let style = Self::ALL.into_iter().find(|style| style.name() == text);
        style.ok_or_else(|| format!("not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// How a listing spells the URL of its next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextUrl {
    /// With scheme and host, as the request names the host.
    Absolute,
    /// From the path on.
    Relative,
}

/// Which ranges of dates a listing refuses, with a 400.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// Those of more days than this; 0 means none.
    pub max_days: u64,
    /// Those that begin more than this many days in the past.
    pub max_past_days: Option<u64>,
    /// A request that names none, as documented of v1.
    pub required: bool,
}

/// How the limit's window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimiterKind {
    /// Any window of the limit's length.
    Sliding,
    /// One window after the other, from the start of the server on.
    Fixed,
}

impl FromStr for LimiterKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sliding" => Ok(Self::Sliding),
            "fixed" => Ok(Self::Fixed),
            _ => Err("not one of sliding, fixed".into()),
        }
    }
}

/// So many requests within so long a window; 0 means any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub requests: u64,
    /// Within how long.
    pub per: Duration,
}
