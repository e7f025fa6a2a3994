//! The wait for a slot in a group's budget, and for the end of a pause.

use std::{sync::Arc, time::Duration};

use super::{Halt, Requester};
use crate::{
    clock::BootTime,
    limits::WaitReason,
    store::{Asker, Reservation, Reserved, StoreError},
    sync::{Event, NotBefore, Pause, Wait, Waited},
};

/// The ledger is looked at anew this often during a wait: another process may free a slot, or take one.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Other processes are told of waits from this length on.
const WORTH_NOTING: Duration = Duration::from_secs(10);

impl Requester<'_> {
    /// Waits for a slot in the group's budget.
    pub(super) async fn reserve(&mut self) -> Result<Reservation, Halt> {
        let (turn, came) = (Arc::clone(&self.turn), self.shared.clock.now().boot);
        let _turn = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Halt::Paused(Pause::Stopped)),
            turn = turn.lock() => turn,
        };
        self.has_waited(self.shared.clock.now().boot.since(came), Waited::Limit);
        let asker =
            Asker { group: &self.endpoint.group, endpoint: &self.endpoint.name, run: self.run };
        let mut told = None;
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Paused(Pause::Stopped));
            }
            match self
                .shared
                .store
                .reserve(asker, self.endpoint.limit, self.shared.longest_request)
                .await?
            {
                Reserved::Granted(reservation) => {
                    self.note_end_of_wait().await?;
                    return Ok(reservation);
                }
                Reserved::Wait { until, at_best, reason } => {
                    self.make_sure_it_is_worth_it(at_best, reason)?;
                    if told.is_none_or(|told| told < until) {
                        told = Some(until);
                        self.tell_wait(until, reason).await?;
                    }
                    self.wait_for_slot(at_best, reason).await?;
                }
            }
        }
    }

    /// Leaves a wait to the next run that is known to be too long. How long a request on its way takes is not known, and
    /// mostly far less than its time-out.
    fn make_sure_it_is_worth_it(&self, at_best: BootTime, reason: WaitReason) -> Result<(), Halt> {
        let at_best = NotBefore::new(at_best, self.shared.clock.now());
        let only_looks_at_a_pause = self.run.is_none() && reason == WaitReason::Pause;
        if at_best.wait > self.shared.max_wait || only_looks_at_a_pause {
            return Err(Halt::Paused(Pause::Wait(at_best)));
        }
        Ok(())
    }

    async fn tell_wait(&mut self, until: BootTime, reason: WaitReason) -> Result<(), StoreError> {
        let length = until.since(self.shared.clock.now().boot);
        let (reason, noted) = match reason {
            WaitReason::Limit => (Wait::Limit, "rate limit"),
            WaitReason::Pause => (Wait::Pause, "pause"),
        };
        let endpoint = &self.endpoint.name;
        self.shared.tell(&Event::Waiting { endpoint, length, reason });
        self.note_wait(noted, until).await
    }

    /// Notes for other processes what is waited for, unless that is soon over.
    pub(super) async fn note_wait(
        &mut self,
        reason: &str,
        until: BootTime,
    ) -> Result<(), StoreError> {
        let until = NotBefore::new(until, self.shared.clock.now());
        if until.wait < WORTH_NOTING {
            return Ok(());
        }
        let Some(run) = self.run else { return Ok(()) };
        let wait = Some((reason, until.wall));
        self.shared.store.note_wait(run, &self.endpoint.name, wait).await?;
        self.wait_is_noted = true;
        Ok(())
    }

    /// Notes that nothing is waited for any more.
    pub(super) async fn note_end_of_wait(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.wait_is_noted)
            && let Some(run) = self.run
        {
            self.shared.store.note_wait(run, &self.endpoint.name, None).await?;
        }
        Ok(())
    }

    async fn wait_for_slot(&mut self, at_best: BootTime, reason: WaitReason) -> Result<(), Halt> {
        let started = self.shared.clock.now().boot;
        let result = self.wait(at_best.min(started.saturating_add(LOOK_AGAIN))).await;
        let reason = match reason {
            WaitReason::Limit => Waited::Limit,
            WaitReason::Pause => Waited::Pause,
        };
        self.has_waited(self.shared.clock.now().boot.since(started), reason);
        result
    }

    /// Counts a wait for the rate limit, and tells how long it was.
    fn has_waited(&mut self, length: Duration, reason: Waited) {
        self.effort.waited += length;
        if !length.is_zero() {
            self.shared.tell(&Event::Waited { endpoint: &self.endpoint.name, length, reason });
        }
    }

    pub(super) async fn wait(&self, until: BootTime) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Paused(Pause::Stopped)),
            () = self.shared.clock.sleep_until(until) => Ok(()),
        }
    }
}
