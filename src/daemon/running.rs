//! What runs at the moment: nothing runs twice at once, whatever the schedules say.

use std::collections::BTreeSet;

/// The jobs that run, and the endpoints that are taken up again beside them.
#[derive(Clone, Debug, Default)]
pub struct Running {
    jobs: BTreeSet<String>,
    resumed: BTreeSet<String>,
}

impl Running {
    /// Notes that a job starts; `false` when it runs already and must not be started.
    #[must_use]
    pub fn start(&mut self, job: &str) -> bool {
        self.jobs.insert(job.to_owned())
    }

    /// Notes that a job has ended.
    pub fn finished(&mut self, job: &str) {
        self.jobs.remove(job);
    }

    /// Notes that a paused endpoint is taken up again; `false` when that is being done already.
    #[must_use]
    pub fn resume(&mut self, endpoint: &str) -> bool {
        self.resumed.insert(endpoint.to_owned())
    }

    /// Whether an endpoint is being taken up again.
    pub fn resumes(&self, endpoint: &str) -> bool {
        self.resumed.contains(endpoint)
    }

    /// Notes that the run that took an endpoint up again has ended.
    pub fn resumed(&mut self, endpoint: &str) {
        self.resumed.remove(endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_runs_does_not_start_again_until_it_has_finished() {
        let mut running = Running::default();
        assert!(running.start("bookings"));
        assert!(!running.start("bookings"));
        assert!(running.start("users"));
        running.finished("bookings");
        assert!(running.start("bookings"));
    }

    #[test]
    fn an_endpoint_is_taken_up_once_at_a_time() {
        let mut running = Running::default();
        assert!(running.resume("users"));
        assert!(!running.resume("users"));
        assert!(running.resumes("users") && !running.resumes("rooms"));
        running.resumed("users");
        assert!(!running.resumes("users"));
        assert!(running.resume("users"));
    }
}
