//! The signs of life to a service manager that waits for them.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    clock::BootTime,
    daemon::{Doings, Notices, Pulse, SILENCE, Stuck},
    store::{Store, steps},
    sync::Runner,
    telemetry::chain,
};

/// Signs of life within the time that the manager waits: one that is missed, such as right after a suspend, is no end yet.
const SIGNS: u32 = 3;

/// So many requests may follow one another without a word, each as long as it may: redirects, and one more after a 401.
const REQUESTS: u32 = 10;

/// Gives the signs of life while the work advances.
pub(super) struct Heart {
    /// When it is time for one; none where nobody waits for them.
    beats: Option<Interval>,
    pulse: Pulse,
    /// The answer that the database has still to give.
    answer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// How long an endpoint may be silent.
    silence: Duration,
    /// What kept the last one back.
    stuck: Option<Stuck>,
}

/// What there is to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beat {
    /// It is time for a sign of life.
    Due,
    /// The database has answered.
    Answered,
}

impl Heart {
    /// A heart for a manager that waits so long; `None`: for nobody.
    pub(super) fn new(watched: Option<Duration>, runner: &Runner, now: BootTime) -> Self {
        let beats = watched.map(|timeout| {
            let mut beats = interval((timeout / SIGNS).max(Duration::from_millis(1)));
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beats
        });
        let silence = SILENCE.saturating_add(runner.longest_request().saturating_mul(REQUESTS));
        Self { beats, pulse: Pulse::new(steps(), now), answer: None, silence, stuck: None }
    }

    /// Waits until there is something to do.
    ///
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Beat {
        let Self { beats, answer, .. } = self;
        let answered = async {
            match answer {
                Some(answer) => answer.await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            match beats {
                Some(beats) => beats.tick().await,
                None => std::future::pending().await,
            }
        };
        select! {
            biased;
            () = answered => Beat::Answered,
            _ = due => Beat::Due,
        }
    }

    /// Does it.
    pub(super) fn beat(
        &mut self,
        beat: Beat,
        store: &Store,
        doings: &Doings,
        notices: &Notices,
        now: BootTime,
    ) {
        match beat {
            Beat::Answered => {
                self.answer = None;
                self.pulse.answered(now);
            }
            Beat::Due => {
                match self.pulse.check(steps(), doings, self.silence, now) {
                    Ok(()) => {
                        notices.alive();
                        self.stuck = None;
                    }
                    Err(stuck) => self.tell(stuck),
                }
                if self.pulse.may_ask() {
                    self.pulse.asked();
                    let store = store.clone();
                    self.answer = Some(Box::pin(async move {
                        // An error is an answer, too.
                        if let Err(error) = store.answers().await {
                            tracing::debug!(
                                error = chain(&error),
                                "the database answers with an error"
                            );
                        }
                    }));
                }
            }
        }
    }

    fn tell(&mut self, stuck: Stuck) {
        if self.stuck.as_ref() != Some(&stuck) {
            tracing::error!("the service manager gets no sign of life: {stuck}");
            self.stuck = Some(stuck);
        }
    }
}
