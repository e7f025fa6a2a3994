//! Tells systemd how the service is doing; says nothing where no `$NOTIFY_SOCKET` asks for it.
//!
//! A service manager that reads no notices makes the sender wait once its queue is full. So they are sent by a thread of
//! their own: the daemon never waits for it, and at its end only for a moment.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};

use sd_notify::NotifyState;
use tracing::debug;

/// Notices that may wait for the service manager; further ones are left out, and the next status tells how things are.
const WAITING: usize = 64;

/// So long may the last notices take at the end of the program.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is to tell.
enum Notice {
    Ready,
    Reloading,
    Stopping,
    Status(String),
    Alive,
}

/// The way to the service manager; when it is dropped, what was told is sent.
#[derive(Debug)]
pub struct Notices {
    /// Taken away to end the thread.
    sender: Option<SyncSender<Notice>>,
    /// Nothing is ever sent here; it closes with the thread's end.
    ended: Receiver<()>,
}

impl Notices {
    /// Opens the way.
    pub fn open() -> Self {
        Self::to(send)
    }

    fn to(send: impl Fn(&Notice) + Send + 'static) -> Self {
        let (sender, notices) = mpsc::sync_channel(WAITING);
        let (end, ended) = mpsc::channel();
        let spawned = thread::Builder::new().name("notices".into()).spawn(move || {
            for notice in notices {
                send(&notice);
            }
            drop(end);
        });
        if let Err(error) = spawned {
            debug!(error = &error as &dyn std::error::Error, "the service manager is told nothing");
        }
        Self { sender: Some(sender), ended }
    }

    /// The service is up: its schedules are in force.
    pub fn ready(&self) {
        self.tell(Notice::Ready);
    }

    /// The service reads its configuration anew; once it has, it is ready again.
    pub fn reloading(&self) {
        self.tell(Notice::Reloading);
    }

    /// The service is on its way down.
    pub fn stopping(&self) {
        self.tell(Notice::Stopping);
    }

    /// What the service is doing, in one line, as `systemctl status` shows it.
    pub fn status(&self, text: &str) {
        self.tell(Notice::Status(one_line(text)));
    }

    /// The work advances: a service manager that watches over that waits for it.
    pub fn alive(&self) {
        self.tell(Notice::Alive);
    }

    fn tell(&self, notice: Notice) {
        let told = self.sender.as_ref().is_some_and(|sender| sender.try_send(notice).is_ok());
        if !told {
            debug!("the service manager does not take the notices: one is left out");
        }
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.sender = None;
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            debug!("the service manager did not take the last notices");
        }
    }
}

/// How long the service manager waits for a sign of life before it ends this process; `None`: it does not wait for any, or
/// means another process.
pub fn watched() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero())
}

/// A line break would end the assignment, and what follows would be taken for another.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\0'], " ")
}

/// A service manager that cannot be told is no reason to stop: the work is done all the same.
fn send(notice: &Notice) {
    let sent = match notice {
        Notice::Ready => sd_notify::notify(&[NotifyState::Ready]),
        // Without the moment, a manager that asked for the reload does not know which one is meant.
        Notice::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        Notice::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        Notice::Status(text) => sd_notify::notify(&[NotifyState::Status(text)]),
        Notice::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    };
    if let Err(error) = sent {
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

    #[test]
    fn all_that_was_told_is_sent_before_the_end() {
        let (sent, arrived) = mpsc::channel();
        let notices = Notices::to(move |notice| {
            if let Notice::Status(text) = notice {
                sent.send(text.clone()).expect("the test listens");
            }
        });
        notices.status("one");
        notices.status("two");
        drop(notices);
        assert_eq!(arrived.try_iter().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_service_manager_that_takes_nothing_holds_nothing_up() {
        let (opened, closed) = mpsc::channel::<()>();
        let notices = Notices::to(move |_| {
            closed.recv().ok();
        });
        // Many more than may wait: this would never come to an end.
        for _ in 0..3 * WAITING {
            notices.status("running");
        }
        drop(notices);
        drop(opened);
    }
}
