//! `[monitor]`.

use std::net::SocketAddr;

use super::{
    reader::{Problem, Section},
    tree::Node,
    values,
};
use crate::daemon::MonitorSettings;

const EXAMPLE: &str = "\"127.0.0.1:9464\"";

/// Reads it.
pub(super) fn read(root: &mut Section<'_>) -> MonitorSettings {
    let mut monitor = root.section("monitor");
    let listen = monitor.optional("listen", loopback);
    monitor.finish();
    MonitorSettings { listen }
}

/// An address of this machine alone, and a port; 0 lets the system choose one.
fn loopback(node: &Node) -> Result<SocketAddr, Problem> {
    let text = values::filled_text(node)?;
    let address: SocketAddr = text.parse().map_err(|_| {
        let help = match text.strip_prefix("localhost:") {
            Some(port) => format!("write \"127.0.0.1:{port}\""),
            None => format!("such as {EXAMPLE}, or \"[::1]:9464\""),
        };
        Problem::new(format!("must be an IP address and a port, not `{text}`"), help)
    })?;
    if !address.ip().is_loopback() {
        return Err(Problem::new(
            format!("must be an address that only this machine reaches, not `{text}`"),
            format!(
                "write {EXAMPLE}, and give others access through a reverse proxy, which can encrypt and ask who they are"
            ),
        ));
    }
    Ok(address)
}
