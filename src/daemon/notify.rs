//! Tells systemd how the service is doing; says nothing where no `$NOTIFY_SOCKET` asks for it.

use sd_notify::NotifyState;
use tracing::debug;

/// The service is up: its schedules are in force.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The service is on its way down.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// What the service is doing, in one line, as `systemctl status` shows it.
pub fn status(text: &str) {
    send(&[NotifyState::Status(&one_line(text))]);
}

/// A line break would end the assignment, and what follows would be taken for another.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\0'], " ")
}

/// A service manager that cannot be told is no reason to stop: the work is done all the same.
fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(
            error = &error as &dyn std::error::Error,
            "the service manager could not be notified"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stays_one_assignment() {
        assert_eq!(one_line("waiting\nREADY=1\r\0."), "waiting READY=1  .");
    }
}
