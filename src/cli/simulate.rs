//! `mapiq-sync simulate`: the stand-in for the API alone, for trying a config, tests and benches.

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use chrono::NaiveDate;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::print_result;
use crate::simulator::{self, Settings, TOKEN_PATH};

/// Serve made-up data as the API would, on loopback.
#[derive(Args, Clone, Debug)]
pub(crate) struct SimulateArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Number of users
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().users)]
    users: u64,

    /// Number of buildings
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().buildings)]
    buildings: u64,

    /// Number of reservations; none without a user and a building
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().reservations)]
    reservations: u64,

    /// Another seed gives other data
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,

    /// Day that the data are seen from, as YYYY-MM-DD: reservations before it have happened
    #[arg(long, value_name = "DATE", default_value_t = Settings::default().today)]
    today: NaiveDate,

    /// Requests that each path takes within the period; 0 is no limit
    #[arg(long, value_name = "REQUESTS", default_value_t = Settings::default().requests)]
    limit: u64,

    /// Length of the limit's sliding window: seconds, or with a unit (500ms, 6s, 5m)
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    per: Duration,

    /// Leave out Retry-After, so that only the message of a 429 tells the wait
    #[arg(long)]
    no_retry_after: bool,

    /// Milliseconds that every response is held back
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency_ms: u64,

    /// Records of a page at most; a request for more gets these without a word
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().max_page_size)]
    max_page_size: u64,

    /// How long a token is good for: seconds, or with a unit (90s, 60m)
    #[arg(long, value_name = "DURATION", default_value = "3600s", value_parser = parse_duration)]
    token_lifetime: Duration,

    /// Send the numbers of a token response as strings, as some token endpoints do
    #[arg(long)]
    token_numbers_as_strings: bool,

    /// The only client that gets a token
    #[arg(long, value_name = "ID", default_value_t = Settings::default().client_id)]
    client_id: String,

    /// That client's secret, which is printed: no real one, please
    #[arg(long, value_name = "SECRET", default_value_t = Settings::default().client_secret)]
    client_secret: String,

    /// The only scope that a token can be asked for
    #[arg(long, default_value_t = Settings::default().scope)]
    scope: String,
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
            seed: args.seed,
            today: args.today,
            requests: args.limit,
            per: args.per,
            retry_after_header: !args.no_retry_after,
            latency: Duration::from_millis(args.latency_ms),
            max_page_size: args.max_page_size,
        }
    }
}

/// Binds a port, says which, and serves until `stop`.
///
/// # Errors
/// The port cannot be bound, stdout cannot be written, or the listener fails.
pub(crate) async fn run(args: SimulateArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let port = args.port;
    let settings = Settings::from(args);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    let address = listener.local_addr().context("cannot tell the port")?;
    print_result(&announcement(address, &settings)?)?;
    simulator::serve(listener, settings, stop.cancelled_owned())
        .await
        .context("the simulator failed")
}

/// The ready line, then what a shell needs to point the program at the simulator.
fn announcement(address: SocketAddr, settings: &Settings) -> anyhow::Result<String> {
    let exports = [
        ("MAPIQ_SYNC__API__BASE_URL", format!("http://{address}")),
        ("MAPIQ_SYNC__API__TOKEN_URL", format!("http://{address}{TOKEN_PATH}")),
        ("MAPIQ_SYNC__API__SCOPE", settings.scope.clone()),
        // What is made up must not get among what is real.
        ("MAPIQ_SYNC__DATABASE__PATH", "simulated.db".to_owned()),
        ("MAPIQ_CLIENT_ID", settings.client_id.clone()),
        ("MAPIQ_CLIENT_SECRET", settings.client_secret.clone()),
    ];
    let mut text = format!("listening on http://{address}\nto point mapiq-sync at it:");
    for (name, value) in exports {
        write!(text, "\n  export {name}={}", quoted_for_shell(&value))?;
    }
    Ok(text)
}

/// The value within single quotes, where a shell takes everything literally but the quote itself.
fn quoted_for_shell(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Reads a duration: a number of seconds, or a number with one of the units ms, s, m and h.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (number, seconds_per_unit) = UNITS
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .unwrap_or((text, 1.0));
    let number: f64 =
        number.trim().parse().map_err(|_| "not a duration such as 6s, 500ms or 1.5".to_owned())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn settings(arguments: &[&str]) -> Settings {
        let command = Command::try_parse_from([&["simulate"], arguments].concat());
        command.expect("good arguments").args.into()
    }

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        for (text, milliseconds) in [
            ("6", 6_000),
            ("1.5", 1_500),
            ("6s", 6_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1s", "6d", "nan", "1e300h", "inf"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_arguments_the_simulator_is_as_documented() {
        assert_eq!(format!("{:?}", settings(&[])), format!("{:?}", Settings::default()));
    }

    #[test]
    fn arguments_reach_the_settings() {
        let settings = settings(&[
            "--limit",
            "3",
            "--per",
            "250ms",
            "--no-retry-after",
            "--latency-ms",
            "20",
            "--today",
            "2027-01-31",
        ]);

        assert_eq!((settings.requests, settings.per), (3, Duration::from_millis(250)));
        assert!(!settings.retry_after_header);
        assert_eq!(settings.latency, Duration::from_millis(20));
        assert_eq!(settings.today.to_string(), "2027-01-31");
    }

    #[test]
    fn the_ready_line_comes_first_and_the_rest_suits_a_shell() {
        let settings = Settings { client_secret: "it's".into(), ..Settings::default() };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4711));

        assert_eq!(
            announcement(address, &settings).expect("a String takes everything"),
            r"listening on http://127.0.0.1:4711
to point mapiq-sync at it:
  export MAPIQ_SYNC__API__BASE_URL='http://127.0.0.1:4711'
  export MAPIQ_SYNC__API__TOKEN_URL='http://127.0.0.1:4711/oauth2/token'
  export MAPIQ_SYNC__API__SCOPE='https://api.mapiq.com/public/.default'
  export MAPIQ_SYNC__DATABASE__PATH='simulated.db'
  export MAPIQ_CLIENT_ID='demo'
  export MAPIQ_CLIENT_SECRET='it'\''s'"
        );
    }
}
