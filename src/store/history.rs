//! What is dropped of the past. The journal of runs stays: every row names the run that last changed it.

use sqlx::SqliteConnection;

/// The days that a sweep stays on record after its end.
pub(super) const DAYS: i64 = 30;

/// Drops an endpoint's sweeps that have ended before a moment, with their checkpoints. The last complete one that asked for
/// everything stays: rejected records are told by it from those that the API still sends.
pub(super) async fn drop_sweeps(
    connection: &mut SqliteConnection,
    endpoint: &str,
    before: &str,
) -> Result<(), sqlx::Error> {
    let old: Vec<i64> = sqlx::query_scalar(
        "SELECT sweep_id FROM _sync_sweeps WHERE endpoint = ?1 AND finished_at < ?2 AND sweep_id <> \
         coalesce((SELECT max(sweep_id) FROM _sync_sweeps WHERE endpoint = ?1 AND result = 'complete' AND backfill IS NULL AND since IS NULL), 0)",
    )
    .bind(endpoint)
    .bind(before)
    .fetch_all(&mut *connection)
    .await?;
    for sweep in old {
        for sql in [
            "DELETE FROM _sync_checkpoints WHERE sweep_id = ?",
            "DELETE FROM _sync_sweeps WHERE sweep_id = ?",
        ] {
            sqlx::query(sql).bind(sweep).execute(&mut *connection).await?;
        }
    }
    Ok(())
}
