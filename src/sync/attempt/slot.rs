//! The wait for a slot in a group's budget, and for the end of a pause.

use std::{sync::Arc, time::Duration};

use super::{Halt, Requester};
use crate::{
    clock::BootTime,
    limits::WaitReason,
    store::{Asker, Reservation, Reserved},
    sync::{Event, NotBefore, Pause, Wait},
};

/// The ledger is looked at anew this often during a wait: another process may free a slot, or take one.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Requester<'_> {
    /// Waits for a slot in the group's budget.
    pub(super) async fn reserve(&mut self) -> Result<Reservation, Halt> {
        let (turn, came) = (Arc::clone(&self.turn), self.shared.clock.now().boot);
        let _turn = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Halt::Paused(Pause::Stopped)),
            turn = turn.lock() => turn,
        };
        self.effort.waited += self.shared.clock.now().boot.since(came);
        let asker = Asker {
            group: &self.endpoint.group,
            endpoint: &self.endpoint.name,
            run: Some(self.run),
        };
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
                Reserved::Granted(reservation) => return Ok(reservation),
                Reserved::Wait { until, at_best, reason } => {
                    self.make_sure_it_is_worth_it(at_best)?;
                    if told.is_none_or(|told| told < until) {
                        told = Some(until);
                        self.tell_wait(until, reason);
                    }
                    self.wait_for_slot(at_best).await?;
                }
            }
        }
    }

    /// Leaves a wait to the next run that is known to be too long. How long a request on its way takes is not known, and
    /// mostly far less than its time-out.
    fn make_sure_it_is_worth_it(&self, at_best: BootTime) -> Result<(), Halt> {
        let at_best = NotBefore::new(at_best, self.shared.clock.now());
        if at_best.wait > self.shared.max_wait {
            return Err(Halt::Paused(Pause::Wait(at_best)));
        }
        Ok(())
    }

    fn tell_wait(&self, until: BootTime, reason: WaitReason) {
        let length = until.since(self.shared.clock.now().boot);
        let reason = match reason {
            WaitReason::Limit => Wait::Limit,
            WaitReason::Pause => Wait::Pause,
        };
        let endpoint = &self.endpoint.name;
        self.shared.tell(&Event::Waiting { endpoint, length, reason });
    }

    async fn wait_for_slot(&mut self, at_best: BootTime) -> Result<(), Halt> {
        let started = self.shared.clock.now().boot;
        let result = self.wait(at_best.min(started.saturating_add(LOOK_AGAIN))).await;
        self.effort.waited += self.shared.clock.now().boot.since(started);
        result
    }

    pub(super) async fn wait(&self, until: BootTime) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Paused(Pause::Stopped)),
            () = self.shared.clock.sleep_until(until) => Ok(()),
        }
    }
}
