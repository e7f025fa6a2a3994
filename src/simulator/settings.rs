//! What a simulator is told.

use std::time::Duration;

use chrono::NaiveDate;

/// The last day of the default data: fixed, so that the same settings give the same data on any day.
const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 6, 30).expect("a day of the calendar");

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
    /// How many users there are.
    pub users: u64,
    /// How many buildings there are.
    pub buildings: u64,
    /// How many reservations there are; none without a user and a building that they could be of.
    pub reservations: u64,
    /// Another seed gives other data.
    pub seed: u64,
    /// The day that the data are seen from: reservations before it have happened. No clock is read for data.
    pub today: NaiveDate,
    /// How many requests each endpoint's path takes within [`Self::per`]; 0 means any number.
    pub requests: u64,
    /// The length of the sliding window that [`Self::requests`] is about.
    pub per: Duration,
    /// Whether a refusal for the limit carries `Retry-After`; else only its message tells the wait.
    pub retry_after_header: bool,
    /// How long a response is held back, after the request was counted.
    pub latency: Duration,
    /// The most records of one page; a request for more gets these, and no word of it.
    pub max_page_size: u64,
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
            seed: 1,
            today: TODAY,
            requests: 20,
            per: Duration::from_mins(1),
            retry_after_header: true,
            latency: Duration::ZERO,
            max_page_size: 500,
        }
    }
}
