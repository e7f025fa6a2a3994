//! Another configuration for a daemon that goes on.

use std::sync::Arc;

use super::Daemon;
use crate::{
    api::{Client, ClientError},
    app::{alerts::Channels, watched::Watched},
    config::Config,
    daemon::MonitorSettings,
    store,
    telemetry::chain,
};

/// Loads the configuration as it is now, with its credentials; else all that is wrong with it, each in a line.
pub type Load = Box<dyn Fn() -> Result<Config, Vec<String>> + Send + Sync>;

impl Daemon<'_> {
    /// Loads the configuration anew. A good one holds for the runs that begin from now on, while those under way end with the
    /// one that they began with; one that is not leaves everything as it is.
    pub(super) fn reload(&mut self) {
        tracing::info!("asked to load the configuration anew");
        self.notices.reloading();
        match (self.load)().and_then(|config| self.accept(config)) {
            Ok(()) => {
                self.doings.refused = false;
                tracing::info!(
                    jobs = self.doings.jobs,
                    "the new configuration holds for the runs that begin from now on"
                );
            }
            Err(errors) => {
                self.doings.refused = true;
                for error in &errors {
                    tracing::error!("the new configuration is refused: {error}");
                }
                tracing::error!(errors = errors.len(), "the configuration of before goes on");
            }
        }
        self.notices.ready();
    }

    /// Goes on with a configuration, unless a part of it has changed that a running daemon holds on to.
    fn accept(&mut self, config: Config) -> Result<(), Vec<String>> {
        let held =
            held((self.store.settings(), self.watch.settings()), (&config.store, &config.monitor));
        if !held.is_empty() {
            return Err(held);
        }
        let watched = Watched::of(&config);
        let refuse = |error: ClientError| vec![chain(&error)];
        let channels = Channels::new(config.alerts, &config.api).map_err(refuse)?;
        let client = Client::new(config.api, config.credentials).map_err(refuse)?;
        self.watch.replace(watched, client.clone());
        self.watch.alerts.replace(channels);
        self.runner = Arc::new(self.runner.with(config.sync, client));
        self.scheduler.replace(config.schedules);
        self.doings.jobs = self.runner.jobs().len();
        Ok(())
    }
}

/// What has changed of that which a running daemon holds on to.
fn held(
    (store_before, monitor_before): (&store::Settings, &MonitorSettings),
    (store_after, monitor_after): (&store::Settings, &MonitorSettings),
) -> Vec<String> {
    let parts = [
        ("`database.path`", store_before.path != store_after.path),
        ("`database.mode`", store_before.mode != store_after.mode),
        ("`[rejects]`", store_before.rejects != store_after.rejects),
        ("`[monitor]`", monitor_before != monitor_after),
    ];
    let changed = parts.into_iter().filter(|(_, has_changed)| *has_changed);
    changed.map(|(part, _)| format!("{part} has changed, which takes a restart")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RejectBounds;

    #[test]
    fn what_is_held_on_to_is_named() {
        let before = store::Settings {
            path: "mapiq.db".into(),
            mode: 0o600,
            rejects: RejectBounds::default(),
        };
        let off = MonitorSettings { listen: None };
        assert!(held((&before, &off), (&before.clone(), &off)).is_empty());
        let after = store::Settings { path: "other.db".into(), mode: 0o640, ..before.clone() };
        let on = MonitorSettings { listen: Some(([127, 0, 0, 1], 9464).into()) };
        assert_eq!(
            held((&before, &off), (&after, &on)),
            [
                "`database.path` has changed, which takes a restart",
                "`database.mode` has changed, which takes a restart",
                "`[monitor]` has changed, which takes a restart"
            ]
        );
    }
}
