//! Tries rejected records again: what can be stored now is, unless its row has been written since, and leaves the rejects.

use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use super::{KeptReject, digest};
use crate::{
    clock::format_utc,
    rows::{Paths, Record},
    store::{
        RowCounts, RunId, Store, StoreError, columns, drift,
        error::Doing,
        schema::Table,
        statements::quoted,
        upsert::{self, bind_value},
    },
};

const RETRY: &str = "store what was rejected";

/// What has become of an endpoint's rejected records with the configuration of today.
#[derive(Debug)]
pub struct Retry<'p> {
    /// The run that tries them.
    pub run: RunId,
    /// The endpoint, whose name is the table's.
    pub endpoint: &'p str,
    /// What the records' path ids mean.
    pub paths: &'p Paths,
    /// Those that can be stored now, the one met last at the end.
    pub records: Vec<(&'p KeptReject, Record<'p>)>,
    /// Those that still cannot, each with its reason.
    pub left: &'p [(&'p KeptReject, String)],
}

/// How a retry went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// What became of those that are stored.
    pub rows: RowCounts,
    /// How many were only dropped, because what the API has sent later is stored.
    pub dropped: u64,
}

impl Store {
    /// The endpoints of which there are rejected records.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn rejected_endpoints(&self) -> Result<Vec<String>, StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query_scalar("SELECT DISTINCT endpoint FROM _sync_rejects ORDER BY endpoint")
            .fetch_all(&mut writer.connection)
            .await
            .doing("read which endpoints have rejected records")
    }

    /// Stores in one transaction what can be stored of an endpoint's rejected records, and takes it off them.
    ///
    /// # Errors
    /// Where it cannot be stored; then everything stays as it is.
    pub async fn commit_retry(&self, retry: Retry<'_>) -> Result<Retried, StoreError> {
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(RETRY).await?;
        let mut table = columns::load(&mut transaction, retry.endpoint, RETRY)
            .await?
            .ok_or_else(|| StoreError::TableGone { table: retry.endpoint.to_owned() })?;
        let outdated = outdated(&mut transaction, retry.endpoint).await.doing(RETRY)?;
        let (mut records, mut settled) = (Vec::new(), Vec::new());
        let mut retried = Retried::default();
        for (reject, record) in retry.records {
            settled.push(reject.id);
            let written = written(&mut transaction, &table, &record).await.doing(RETRY)?;
            if is_newer(written, &reject.last_seen_at, outdated.contains(&reject.id)) {
                retried.dropped += 1;
            } else {
                records.push(record);
            }
        }
        let changes = table.changes_for(retry.paths, &records);
        if !changes.is_empty() {
            let before = table.clone();
            columns::change(&mut transaction, &mut table, changes, &now).await?;
            let met = drift::Met {
                run: retry.run,
                endpoint: retry.endpoint,
                paths: retry.paths,
                records: &records,
            };
            drift::record_page(&mut transaction, &met, &before, &table, &now).await.doing(RETRY)?;
        }
        let stamp = upsert::Stamp { now: now.as_str().into(), run: retry.run };
        retried.rows =
            upsert::upsert(&mut transaction, &table, retry.paths, &records, &stamp, None)
                .await
                .doing(RETRY)?;
        settle(&mut transaction, &settled, retry.left).await.doing(RETRY)?;
        let left = retry.left.len();
        count(&mut transaction, retry.run, retry.endpoint, &retried.rows, left)
            .await
            .doing(RETRY)?;
        transaction.commit().await.doing(RETRY)?;
        // What was known of the table is no longer so.
        writer.tables.remove(retry.endpoint);
        Ok(retried)
    }
}

/// What the table has of a record's key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Written {
    /// No row.
    Never,
    /// A row that a record or a deletion has changed last then.
    At(String),
    /// A row from which values were removed since, so that it is not known when.
    Unknown,
}

/// Whether what the table has of a record's key is newer than the record, which came last at `last_seen_at`. With the same
/// stamp they are of one page, and nobody knows which of the two is the later one: the row stays. `is_outdated`: the whole
/// listing was read since, without the record.
fn is_newer(written: Written, last_seen_at: &str, is_outdated: bool) -> bool {
    match written {
        Written::Never => false,
        Written::At(stamp) => is_outdated || *stamp >= *last_seen_at,
        Written::Unknown => is_outdated,
    }
}

async fn written(
    connection: &mut SqliteConnection,
    table: &Table,
    record: &Record<'_>,
) -> Result<Written, sqlx::Error> {
    let key = table.key();
    let is_key: Vec<String> =
        key.iter().map(|column| format!("{} = ?", quoted(&column.name))).collect();
    let mut arguments = SqliteArguments::default();
    // The key's parts come first in a record.
    for (column, (_, value)) in key.iter().zip(&record.fields) {
        // No row has a key that its column cannot hold.
        let Some(value) = value.to_sql(column.declared) else { return Ok(Written::Never) };
        bind_value(&mut arguments, Some(&value))?;
    }
    let sql = format!(
        "SELECT iif(_hash = zeroblob(16), NULL, max(_changed_at, coalesce(_deleted_at, ''))) FROM {} WHERE {}",
        quoted(&table.name),
        is_key.join(" AND ")
    );
    let row: Option<Option<String>> =
        sqlx::query_scalar_with(AssertSqlSafe(sql), arguments).fetch_optional(connection).await?;
    Ok(match row {
        None => Written::Never,
        Some(None) => Written::Unknown,
        Some(Some(stamp)) => Written::At(stamp),
    })
}

/// The rejects that a later complete sweep of the whole listing has not met again. With a window a record may be past it.
async fn outdated(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT reject_id FROM _sync_rejects AS r JOIN _sync_endpoint_runs AS e USING (run_id, endpoint) \
         WHERE endpoint = ? AND r.slice IS NULL AND r.page IS NOT NULL AND EXISTS (SELECT 1 FROM _sync_sweeps AS s \
         WHERE s.endpoint = r.endpoint AND s.result = 'complete' AND s.backfill IS NULL AND s.since IS NULL AND s.sweep_id > e.sweep_id)",
    )
    .bind(endpoint)
    .fetch_all(connection)
    .await
}

/// Drops what is stored by now, and notes why the others still are not.
async fn settle(
    connection: &mut SqliteConnection,
    settled: &[i64],
    left: &[(&KeptReject, String)],
) -> Result<(), sqlx::Error> {
    for id in settled {
        sqlx::query("DELETE FROM _sync_rejects WHERE reject_id = ?")
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    for (reject, reason) in left.iter().filter(|(reject, reason)| reject.reason != *reason) {
        // Two that have differed only in their reasons are one.
        sqlx::query(
            "UPDATE OR REPLACE _sync_rejects SET reason = ?, digest = ? WHERE reject_id = ?",
        )
        .bind(reason)
        .bind(digest(reason, &reject.record))
        .bind(reject.id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn count(
    connection: &mut SqliteConnection,
    run: RunId,
    endpoint: &str,
    rows: &RowCounts,
    left: usize,
) -> Result<(), sqlx::Error> {
    // SQLite's integers have a sign; no count comes near 2^63.
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE _sync_endpoint_runs SET rows_new = ?, rows_changed = ?, rows_unchanged = ?, rejected = ? WHERE run_id = ? AND endpoint = ?",
    )
    .bind(signed(rows.new))
    .bind(signed(rows.changed))
    .bind(signed(rows.unchanged))
    .bind(signed(left as u64))
    .bind(run.0)
    .bind(endpoint)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_newer_unless_it_was_written_before_the_record_came_last() {
        let at = |stamp: &str| Written::At(stamp.into());
        let seen = "2026-06-01T00:00:00.000Z";
        for (written, is_outdated, newer) in [
            (Written::Never, false, false),
            (Written::Never, true, false),
            (at("2026-05-31T23:59:59.999Z"), false, false),
            (at("2026-05-31T23:59:59.999Z"), true, true),
            (at(seen), false, true),
            (at("2026-06-01T00:00:00.001Z"), false, true),
            (Written::Unknown, false, false),
            (Written::Unknown, true, true),
        ] {
            assert_eq!(is_newer(written.clone(), seen, is_outdated), newer, "{written:?}");
        }
    }
}
