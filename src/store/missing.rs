//! Rows that the API no longer returns: what is there to be judged, what was not returned so far, and their tombstones.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteArguments};

use super::{
    Bounds, Origin, RunId, Store, StoreError, Sweep, SweepId,
    error::Doing,
    row_set::RowSet,
    seen,
    statements::{bind, quoted},
    sweeps,
};
use crate::clock::format_utc;

/// Rows marked in one statement.
const MARKED_AT_ONCE: usize = 500;

const JUDGE: &str = "judge which rows are missing";

/// A slice of a sweep that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSlice {
    /// Its number within the sweep.
    pub number: i64,
    /// What it asked for.
    pub bounds: Bounds,
    /// Its pages.
    pub pages: u64,
    /// Whether not all rows that it returned are known.
    pub unsure: bool,
}

/// What a complete read says of rows.
#[derive(Debug)]
pub struct Judgement<'j> {
    /// The run that it is judged in.
    pub run: RunId,
    /// The endpoint.
    pub endpoint: &'j str,
    /// The rows that it has returned: whatever an earlier one said of them, they are there.
    pub seen: &'j RowSet,
    /// Rows that are missing for the first time.
    pub missing: &'j RowSet,
    /// Rows that are to be marked as deleted.
    pub deleted: &'j RowSet,
    /// How many missing rows wait for a person's yes; `None`: that stays as it is.
    pub waiting: Option<u64>,
}

impl Store {
    /// The slices of a sweep.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn read_slices(&self, sweep: SweepId) -> Result<Vec<ReadSlice>, StoreError> {
        let mut writer = self.writer().await?;
        let rows = sqlx::query(
            "SELECT slice, lower, upper, pages, unsure FROM _sync_checkpoints WHERE sweep_id = ? ORDER BY slice",
        )
        .bind(sweep.0)
        .fetch_all(&mut writer.connection)
        .await
        .doing(JUDGE)?;
        let slice = |row: &sqlx::sqlite::SqliteRow| {
            Ok(ReadSlice {
                number: row.try_get(0)?,
                bounds: Bounds { lower: row.try_get(1)?, upper: row.try_get(2)?, since: None },
                pages: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
                unsure: row.try_get(4)?,
            })
        };
        rows.iter().map(slice).collect::<Result<_, sqlx::Error>>().doing(JUDGE)
    }

    /// The rows that a sweep has returned.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn seen(&self, sweep: SweepId) -> Result<RowSet, StoreError> {
        let mut writer = self.writer().await?;
        seen::seen(&mut writer.connection, sweep.0).await.doing(JUDGE)
    }

    /// The rows of an endpoint that an earlier complete read did not return, and none since has.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn missing(&self, endpoint: &str) -> Result<RowSet, StoreError> {
        let mut writer = self.writer().await?;
        noted(&mut writer.connection, endpoint).await.doing(JUDGE)
    }

    /// How many rows a table has, deleted ones included.
    ///
    /// # Errors
    /// Where they cannot be counted.
    pub async fn count_rows(&self, endpoint: &str) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(endpoint)));
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&mut writer.connection).await.doing(JUDGE)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Notes what a complete read says of rows, in one transaction, and drops what is remembered of its pages; gives how
    /// many rows were marked as deleted.
    ///
    /// # Errors
    /// Where it cannot be stored; then nothing of it is.
    pub async fn judge(&self, judgement: &Judgement<'_>) -> Result<u64, StoreError> {
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        let mut transaction = writer.begin(JUDGE).await?;
        let deleted = judge(&mut transaction, judgement, &now).await.doing(JUDGE)?;
        transaction.commit().await.doing(JUDGE)?;
        Ok(deleted)
    }

    /// Begins a sweep that asks some slices of another one once more.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub async fn ask_again(&self, first: SweepId, slices: &[i64]) -> Result<Sweep, StoreError> {
        let doing = "begin to ask once more";
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        let sweep = ask_again(&mut transaction, first.0, slices, &now).await.doing(doing)?;
        transaction.commit().await.doing(doing)?;
        Ok(sweep)
    }

    /// Gives up to judge a sweep, as not all that it returns will be known; and, since it may return them, what is known
    /// of rows that are missing.
    ///
    /// # Errors
    /// Where that cannot be stored.
    pub async fn do_not_judge(&self, sweep: SweepId, endpoint: &str) -> Result<(), StoreError> {
        let doing = "give up to judge a sweep";
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(doing).await?;
        do_not_judge(&mut transaction, sweep.0, endpoint).await.doing(doing)?;
        transaction.commit().await.doing(doing)
    }
}

pub(super) async fn do_not_judge(
    connection: &mut SqliteConnection,
    sweep: i64,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE _sync_sweeps SET judges = 0 WHERE sweep_id = ?")
        .bind(sweep)
        .execute(&mut *connection)
        .await?;
    seen::forget(connection, sweep).await?;
    forget(connection, endpoint).await
}

/// Forgets which rows of an endpoint are missing.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM _sync_missing WHERE endpoint = ?",
        "UPDATE _sync_endpoint_runs SET deletions_waiting = NULL WHERE endpoint = ? AND deletions_waiting IS NOT NULL",
    ] {
        sqlx::query(sql).bind(endpoint).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rows that are noted as missing.
async fn noted(connection: &mut SqliteConnection, endpoint: &str) -> Result<RowSet, sqlx::Error> {
    let noted: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT row_ids FROM _sync_missing WHERE endpoint = ?")
            .bind(endpoint)
            .fetch_optional(connection)
            .await?;
    match noted {
        None => Ok(RowSet::default()),
        Some(rows) => RowSet::from_bytes(&rows).map_err(|error| sqlx::Error::Decode(error.into())),
    }
}

async fn note(
    connection: &mut SqliteConnection,
    endpoint: &str,
    rows: &RowSet,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        sqlx::query("DELETE FROM _sync_missing WHERE endpoint = ?")
            .bind(endpoint)
            .execute(connection)
            .await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO _sync_missing (endpoint, row_ids) VALUES (?, ?) \
         ON CONFLICT (endpoint) DO UPDATE SET row_ids = excluded.row_ids WHERE row_ids <> excluded.row_ids",
    )
    .bind(endpoint)
    .bind(rows.to_bytes())
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what is remembered of an endpoint's sweeps that are over and were never judged: what they have returned is there.
pub(super) async fn drop_unjudged(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    let mut missing = noted(connection, endpoint).await?;
    if !missing.is_empty() {
        for sweep in seen::finished(connection, endpoint).await? {
            missing -= &seen::seen(connection, sweep).await?;
        }
        note(connection, endpoint, &missing).await?;
    }
    seen::forget_finished(connection, endpoint).await
}

async fn judge(
    connection: &mut SqliteConnection,
    judgement: &Judgement<'_>,
    now: &str,
) -> Result<u64, sqlx::Error> {
    let Judgement { run, endpoint, seen, missing, deleted, waiting } = *judgement;
    let marked = mark(connection, judgement, now).await?;
    let mut rows = noted(connection, endpoint).await?;
    rows -= seen;
    rows -= deleted;
    rows |= missing;
    note(connection, endpoint, &rows).await?;
    seen::forget_finished(connection, endpoint).await?;
    if marked > 0 {
        sqlx::query("UPDATE _sync_endpoint_runs SET rows_deleted = rows_deleted + ? WHERE run_id = ? AND endpoint = ?")
            .bind(i64::try_from(marked).unwrap_or(i64::MAX))
            .bind(run.0)
            .bind(endpoint)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(waiting) = waiting {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        sqlx::query(
            "UPDATE _sync_endpoint_runs SET deletions_waiting = iif(run_id = ?1, nullif(?2, 0), NULL) \
             WHERE endpoint = ?3 AND (run_id = ?1 OR deletions_waiting IS NOT NULL)",
        )
        .bind(run.0)
        .bind(waiting)
        .bind(endpoint)
        .execute(connection)
        .await?;
    }
    Ok(marked)
}

/// Marks rows as deleted that are there still.
async fn mark(
    connection: &mut SqliteConnection,
    judgement: &Judgement<'_>,
    now: &str,
) -> Result<u64, sqlx::Error> {
    let ids: Vec<i64> = judgement.deleted.iter().collect();
    let mut marked = 0;
    for ids in ids.chunks(MARKED_AT_ONCE) {
        let sql = format!(
            "UPDATE {} SET _deleted_at = ?, _changed_at = ?, _run_id = ? \
             WHERE _deleted_at IS NULL AND _rowid_ IN ({})",
            quoted(judgement.endpoint),
            vec!["?"; ids.len()].join(", ")
        );
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, now.to_owned())?;
        bind(&mut arguments, now.to_owned())?;
        bind(&mut arguments, judgement.run.0)?;
        for id in ids {
            bind(&mut arguments, *id)?;
        }
        let done =
            sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *connection).await?;
        marked += done.rows_affected();
    }
    Ok(marked)
}

async fn ask_again(
    connection: &mut SqliteConnection,
    first: i64,
    slices: &[i64],
    now: &str,
) -> Result<Sweep, sqlx::Error> {
    let begun = sqlx::query(
        "INSERT INTO _sync_sweeps (endpoint, fingerprint, backfill, read, judges, started_at) \
         SELECT endpoint, fingerprint, backfill, 2, 1, ? FROM _sync_sweeps WHERE sweep_id = ?",
    )
    .bind(now)
    .bind(first)
    .execute(&mut *connection)
    .await?;
    let second = begun.last_insert_rowid();
    for slice in slices {
        sqlx::query(
            "INSERT INTO _sync_checkpoints (sweep_id, slice, lower, upper, updated_at) \
             SELECT ?, slice, lower, upper, ? FROM _sync_checkpoints WHERE sweep_id = ? AND slice = ?",
        )
        .bind(second)
        .bind(now)
        .bind(first)
        .bind(slice)
        .execute(&mut *connection)
        .await?;
    }
    sweeps::load(connection, second, Origin::New).await
}
