//! One run at a time on an endpoint: within the process they queue, another process is left alone.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Pause, attempt::Halt};
use crate::{
    clock::Clock,
    store::{FileLock, RunId, Store},
};

/// How often, and how many times, a lock is looked at anew of which nobody tells who has it: half a second in all. Who has just
/// begun says so soon, and who only looked, such as a daemon at the end of a pause, is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOKS: u32 = 10;

/// Whose turn it is among the runs of this process. No run waits here with another endpoint's turn in hand: each of its
/// endpoints waits alone, so that two jobs with the same endpoints, in whatever order, never wait for each other. A clone is
/// the same queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The job whose turn it is, or was last.
    job: Arc<Mutex<String>>,
}

/// Held until dropped.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<()>;

impl Queue {
    /// Waits for the turn of a job, first come, first served; says beforehand for which job it waits, where it does.
    pub(super) async fn turn(&self, job: &str, waits_for: impl FnOnce(&str)) -> Turn {
        let queue = || Arc::clone(&self.turn);
        let turn = if let Ok(turn) = queue().try_lock_owned() {
            turn
        } else {
            let ahead = self.job.lock().unwrap_or_else(PoisonError::into_inner).clone();
            waits_for(&ahead);
            queue().lock_owned().await
        };
        job.clone_into(&mut self.job.lock().unwrap_or_else(PoisonError::into_inner));
        turn
    }
}

/// Takes an endpoint in hand for a run, across processes; where another one has it, tells which, as far as that can be told.
pub(super) async fn take_in_hand(
    store: &Store,
    clock: &Clock,
    run: RunId,
    endpoint: &str,
    stop: &CancellationToken,
) -> Result<FileLock, Halt> {
    for looks in 0.. {
        if let Some(lock) = store.try_lock(endpoint)? {
            store.take_in_hand(run, endpoint).await?;
            return Ok(lock);
        }
        let holder = store.holder(endpoint).await?;
        if holder.is_some() || looks == LOOKS {
            return Err(Halt::Paused(Pause::Locked(holder.map(Box::new))));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = clock.sleep_until(clock.now().boot.saturating_add(LOOK_AGAIN)) => {}
        }
    }
    Err(Halt::Paused(Pause::Stopped))
}
