//! The one transaction that everything rests on: a page's rows, its rejects, its counts and its checkpoint.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::{
    Checkpoint, Committed, Page, Reading, RowCounts, StoreError, Turn, columns, coverage, drift,
    error::Doing,
    rejects,
    row_set::RowSet,
    seen, upsert, widths,
    writer::{self, Writer},
};
use crate::clock::format_utc;

const COMMIT: &str = "store a page";

/// Stores a page: all of it, or nothing.
pub(super) async fn commit(
    writer: &mut Writer,
    page: &Page<'_>,
    wall: DateTime<Utc>,
) -> Result<Committed, StoreError> {
    let now = &*format_utc(wall);
    writer.recover().await?;
    let Writer { connection, tables, settings, .. } = writer;
    let mut transaction = writer::begin(connection, COMMIT).await?;
    // Another process, or a user, may have changed the table since the last page: this tells of every commit that was not
    // this connection's.
    let version: i64 = sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&mut *transaction)
        .await
        .doing(COMMIT)?;
    // Taken out, and put back only after the commit: after a failure the table is read afresh.
    let known = tables.remove(page.endpoint).filter(|(at, _)| *at == version);
    let mut table = match known {
        Some((_, table)) => table,
        None => columns::load(&mut transaction, page.endpoint, COMMIT)
            .await?
            .ok_or_else(|| StoreError::TableGone { table: page.endpoint.to_owned() })?,
    };
    let changes = table.changes_for(page.paths, page.records);
    if !changes.is_empty() {
        let before = table.clone();
        columns::change(&mut transaction, &mut table, changes, now).await?;
        let Page { run, endpoint, paths, records, .. } = *page;
        let met = drift::Met { run, endpoint, paths, records };
        drift::record_page(&mut transaction, &met, &before, &table, now).await.doing(COMMIT)?;
    }
    let stamp = upsert::Stamp { now: now.into(), run: page.run };
    let is_remembered = page.reading != Reading::Unjudged;
    let mut row_ids = (is_remembered || page.earlier.is_some()).then(RowSet::default);
    let mut rows = upsert::upsert(
        &mut transaction,
        &table,
        page.paths,
        page.records,
        &stamp,
        row_ids.as_mut(),
    )
    .await
    .doing(COMMIT)?;
    let row_ids = row_ids.unwrap_or_default();
    if is_remembered {
        seen::remember(&mut transaction, page, &row_ids).await.doing(COMMIT)?;
    }
    let (turn, is_reordered) = turn(page, &row_ids);
    if let Some(earlier) = page.earlier {
        rows.again = rows.unchanged.min(row_ids.common(&earlier.in_slice));
        rows.unchanged -= rows.again;
    }
    rejects::put_aside(&mut transaction, page, now).await.doing(COMMIT)?;
    count(&mut transaction, page, turn, &rows).await.doing(COMMIT)?;
    let is_last = checkpoint(&mut transaction, page, turn, now).await.doing(COMMIT)?;
    if is_last || !page.rejects.is_empty() {
        let bounds = &settings.rejects;
        rejects::prune(&mut transaction, page.endpoint, bounds, wall).await.doing(COMMIT)?;
    }
    transaction.commit().await.doing(COMMIT)?;
    tables.insert(page.endpoint.to_owned(), (version, table));
    Ok(Committed { rows, row_ids, is_reordered })
}

/// Where the slice stands, by the rows that came before.
fn turn<'p>(page: &Page<'p>, row_ids: &RowSet) -> (Turn<'p>, bool) {
    let again = page.earlier.map_or(0, |earlier| row_ids.common(earlier.in_pass()));
    match page.if_reordered {
        Some((most, turn)) if again > most => (turn, true),
        _ => (page.turn, false),
    }
}

async fn count(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    turn: Turn<'_>,
    rows: &RowCounts,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE _sync_endpoint_runs SET pages = pages + ?, requests = requests + ?, waited_ms = waited_ms + ?, rows_new = rows_new + ?, rows_changed = rows_changed + ?, \
         rows_unchanged = rows_unchanged + ?, rejected = rejected + ? WHERE run_id = ? AND endpoint = ?",
    )
    .bind(signed(turn.checkpoint.pages()))
    .bind(page.effort.requests())
    .bind(page.effort.waited_ms())
    .bind(signed(rows.new))
    .bind(signed(rows.changed))
    .bind(signed(if page.reading == Reading::Second { 0 } else { rows.unchanged }))
    .bind(signed(page.rejects.len() as u64))
    .bind(page.run.0)
    .bind(page.endpoint)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the slice's checkpoint on; with the last page of the last slice the sweep is complete. Tells whether that was it.
async fn checkpoint(
    connection: &mut SqliteConnection,
    page: &Page<'_>,
    turn: Turn<'_>,
    now: &str,
) -> Result<bool, sqlx::Error> {
    let (state, finished_at) = match turn.checkpoint {
        Checkpoint::Next(state) | Checkpoint::NextPass(state) => (Some(state), None),
        Checkpoint::Complete | Checkpoint::PastTheEnd => (None, Some(now)),
    };
    sqlx::query(
        "UPDATE _sync_checkpoints SET state = ?, finished_at = ?, pages = pages + ?, updated_at = ?, unsure = unsure OR ? WHERE sweep_id = ? AND slice = ?",
    )
    .bind(state)
    .bind(finished_at)
    .bind(signed(turn.checkpoint.pages()))
    .bind(now)
    .bind(turn.unsure)
    .bind(page.sweep.0)
    .bind(page.slice)
    .execute(&mut *connection)
    .await?;
    if finished_at.is_none() {
        return Ok(false);
    }
    if turn.lacks {
        coverage::cannot_tell(connection, page.sweep).await?;
    }
    let completed = sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?1, result = 'complete' WHERE sweep_id = ?2 \
         AND NOT EXISTS (SELECT 1 FROM _sync_checkpoints WHERE sweep_id = ?2 AND finished_at IS NULL)",
    )
    .bind(now)
    .bind(page.sweep.0)
    .execute(&mut *connection)
    .await?;
    let is_complete = completed.rows_affected() > 0;
    if is_complete {
        drift::is_read_whole(connection, page.endpoint).await?;
        coverage::note(connection, page.sweep).await?;
    }
    widths::learn(connection, page.sweep, now).await?;
    Ok(is_complete)
}

/// SQLite's integers have a sign; no count comes near 2^63.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
