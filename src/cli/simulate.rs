//! `mapiq-sync simulate`: the stand-in for the API alone, for trying a config, tests and benches.

mod arguments;

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use self::arguments::SimulateArgs;
use super::{print_result, shell};
use crate::simulator::{Settings, Simulator, TOKEN_PATH};

/// Binds a port, says which, and serves until `stop`.
///
/// # Errors
/// The port cannot be bound, stdout cannot be written, or the listener fails.
pub(crate) async fn run(args: SimulateArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let port = args.port();
    let settings = Settings::from(args);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    let address = listener.local_addr().context("cannot tell the port")?;
    print_result(&announcement(address, &settings)?)?;
    Simulator::new(settings)
        .serve(listener, stop.cancelled_owned())
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
        write!(text, "\n  export {name}={}", shell::quoted(&value))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
