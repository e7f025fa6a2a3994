//! What must not be stored: removed from what is, before anything is asked for, and looked for in what comes.

use super::Sweeper;
use crate::{
    store::{Erasure, Origin, StoreError, Sweep},
    sync::Event,
};

impl Sweeper<'_> {
    /// Removes from what is stored what the configuration has come to exclude or to hash.
    pub(super) async fn scrub(&self) -> Result<(), StoreError> {
        let (store, name) = (&self.shared.store, &self.endpoint.name);
        let scrubbed = store.scrub(self.run, name, &self.endpoint.transforms).await?;
        if !scrubbed.is_empty() {
            self.shared.tell(&Event::Scrubbed { endpoint: name, scrubbed: &scrubbed });
        }
        if scrubbed.has_other_key {
            tracing::warn!(
                endpoint.name = name,
                "the hash key has changed: rows get new hashes when they are read again, and those that the API no \
                 longer returns keep their old ones"
            );
        }
        match store.erase().await? {
            Erasure::NotDue | Erasure::Done => {}
            Erasure::Waiting => tracing::warn!(
                endpoint.name = name,
                "removed values are still in the database's file or its log, since another program reads an earlier \
                 state of it: the next run tries again to erase them"
            ),
            Erasure::NoRoom { needed, free } => tracing::warn!(
                endpoint.name = name,
                disk.needed_bytes = needed,
                disk.free_bytes = free,
                "removed values are still in the database's file, since there is no room on its disk to write it \
                 anew: free some, and the next run erases them"
            ),
        }
        Ok(())
    }

    /// Warns of paths in the configuration that no record has had: a misspelt `exclude` keeps nothing out.
    pub(super) fn tell_unmet(&self, sweep: &Sweep) {
        let was_read_whole = match sweep.origin {
            Origin::New | Origin::Replaced { .. } => true,
            Origin::Resumed => false,
        };
        let rows = self.progress.rows;
        let records = rows.new + rows.changed + rows.unchanged + self.progress.rejected;
        let unmet = self.flattener.unmet();
        if was_read_whole && records > 0 && !unmet.is_empty() {
            let paths: Vec<String> =
                unmet.iter().map(|(key, path)| format!("{key} = {path}")).collect();
            tracing::warn!(
                endpoint.name = self.endpoint.name,
                paths = paths.join(", "),
                "no record has what these settings name: are they spelled as the API does?"
            );
        }
    }
}
