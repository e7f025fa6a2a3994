//! Fields that vanish: judged at the end of a complete sweep, by what its records have had.

use super::Sweeper;
use crate::store::{Origin, StoreError, Sweep};

impl Sweeper<'_> {
    /// How many records this run has read so far.
    pub(super) fn records(&self) -> u64 {
        let rows = self.progress.rows;
        rows.new + rows.changed + rows.unchanged + rows.again + self.progress.rejected
    }

    /// Notes which fields have vanished or are back. A sweep without a record tells nothing of fields, nor do changes alone, and
    /// a backfill reads other dates than the sweeps that it would be compared with.
    pub(super) async fn judge_fields(
        &self,
        sweep: &Sweep,
        has_records: bool,
    ) -> Result<(), StoreError> {
        if !has_records || sweep.since.is_some() || self.occasion.backfill.is_some() {
            return Ok(());
        }
        let is_whole = match sweep.origin {
            Origin::New | Origin::Replaced { .. } => true,
            // What an earlier run has read, this one has not seen.
            Origin::Resumed => sweep.pages == 0,
        };
        let (store, name) = (&self.shared.store, &self.endpoint.name);
        store.judge_fields(self.run, name, &self.flattener, is_whole).await
    }
}
