//! SIGTERM and SIGINT: the first asks to finish what is in hand, the second to leave at once. To a daemon SIGHUP and SIGUSR1
//! are requests.

use std::io;

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The signals that stop the program cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen to {name}")]
pub struct SignalError {
    /// The signal's name.
    name: &'static str,
    source: io::Error,
}

/// Listens to the signals that stop the program. From its creation on they no longer end the process by themselves, and
/// none is lost before [`shutdown_requested`](Self::shutdown_requested) is polled.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen; needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the system refuses a signal handler.
    pub fn listen() -> Result<Self, SignalError> {
        let listen_to = |kind, name| signal(kind).map_err(|source| SignalError { name, source });
        Ok(Self {
            terminate: listen_to(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen_to(SignalKind::interrupt(), "SIGINT")?,
        })
    }

    /// Cancels `finish` at the first signal and returns at the second, when whoever asks does not want to wait; to be run
    /// beside the work and dropped with it.
    pub async fn shutdown_requested(mut self, finish: CancellationToken) {
        let first = self.next().await;
        info!(signal = first, "asked to stop: finishing what is in hand");
        finish.cancel();
        let second = self.next().await;
        warn!(signal = second, "asked again to stop: leaving at once");
    }

    async fn next(&mut self) -> &'static str {
        select! {
            Some(()) = self.terminate.recv() => "SIGTERM",
            Some(()) = self.interrupt.recv() => "SIGINT",
            else => std::future::pending().await,
        }
    }
}

/// What a signal asks a daemon for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGHUP: to go on with the configuration as it is now.
    Reload,
    /// SIGUSR1: to run all jobs now.
    Run,
}

/// Listens to the signals that ask a daemon for something. From its creation on they no longer end the process; of those that
/// come before one of their kind was looked at, one is remembered.
#[derive(Debug)]
pub struct Requests {
    hangup: Signal,
    user: Signal,
}

impl Requests {
    /// Starts to listen; needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the system refuses a signal handler.
    pub fn listen() -> Result<Self, SignalError> {
        let listen_to = |kind, name| signal(kind).map_err(|source| SignalError { name, source });
        Ok(Self {
            hangup: listen_to(SignalKind::hangup(), "SIGHUP")?,
            user: listen_to(SignalKind::user_defined1(), "SIGUSR1")?,
        })
    }

    /// Waits for the next one.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Request {
        select! {
            biased;
            Some(()) = self.hangup.recv() => Request::Reload,
            Some(()) = self.user.recv() => Request::Run,
            else => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{self, Command};

    use super::*;

    fn raise(name: &str) {
        let kill = format!("kill -s {name} {}", process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell runs").success());
    }

    #[tokio::test]
    async fn the_first_signal_finishes_and_the_second_leaves() {
        let finish = CancellationToken::new();
        let signals = Signals::listen().expect("signals can be listened to");
        let stopped = signals.shutdown_requested(finish.clone());
        tokio::pin!(stopped);
        raise("TERM");
        tokio::select! {
            () = &mut stopped => panic!("one signal does not make it leave"),
            () = finish.cancelled() => {}
        }
        raise("INT");
        stopped.await;
    }
}
