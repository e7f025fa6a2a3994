//! Puts an endpoint's table aside, so that the next run makes it anew.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{Store, StoreError, coverage, error::Doing, missing, statements::quoted};
use crate::clock::format_utc;

const SET_ASIDE: &str = "put the endpoint's table aside";

/// A table that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its name from now on.
    pub table: String,
    /// Its rows.
    pub rows: i64,
}

impl Store {
    /// How many rows an endpoint's table has; `None`: there is no such table of this program's.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn stored_rows(&self, endpoint: &str) -> Result<Option<i64>, StoreError> {
        let mut writer = self.writer().await?;
        count(&mut writer.connection, endpoint).await.doing(SET_ASIDE)
    }

    /// Gives an endpoint's table another name, and forgets what was known of its rows: the next run makes it anew, and asks for
    /// everything. `None`: there is no such table of this program's. Whoever calls it holds the endpoint's lock.
    ///
    /// # Errors
    /// Where it cannot be done; then everything stays as it is.
    pub async fn set_aside(&self, endpoint: &str) -> Result<Option<SetAside>, StoreError> {
        let now = self.clock.now().wall;
        let mut writer = self.writer().await?;
        writer.make_sure_it_is_there()?;
        let mut transaction = writer.begin(SET_ASIDE).await?;
        let Some(rows) = count(&mut transaction, endpoint).await.doing(SET_ASIDE)? else {
            return Ok(None);
        };
        let table = free_name(&mut transaction, endpoint, now).await.doing(SET_ASIDE)?;
        let sql = format!("ALTER TABLE {} RENAME TO {}", quoted(endpoint), quoted(&table));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.doing(SET_ASIDE)?;
        // The mapping of its columns stays with the rows.
        sqlx::query("UPDATE _sync_columns SET endpoint = ? WHERE endpoint = ?")
            .bind(&table)
            .bind(endpoint)
            .execute(&mut *transaction)
            .await
            .doing(SET_ASIDE)?;
        // What they have read is not in the table that comes; it is of no moment any more.
        sqlx::query(
            "UPDATE _sync_sweeps SET finished_at = coalesce(finished_at, ?), result = 'superseded' \
             WHERE endpoint = ? AND result IS NOT 'superseded'",
        )
        .bind(format_utc(now))
        .bind(endpoint)
        .execute(&mut *transaction)
        .await
        .doing(SET_ASIDE)?;
        missing::forget(&mut transaction, endpoint).await.doing(SET_ASIDE)?;
        coverage::forget(&mut transaction, endpoint).await.doing(SET_ASIDE)?;
        transaction.commit().await.doing(SET_ASIDE)?;
        writer.tables.remove(endpoint);
        Ok(Some(SetAside { table, rows }))
    }
}

/// The rows of a table that this program has made for an endpoint.
async fn count(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let is_ours: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1) \
         AND EXISTS (SELECT 1 FROM _sync_columns WHERE endpoint = ?1)",
    )
    .bind(endpoint)
    .fetch_one(&mut *connection)
    .await?;
    if !is_ours {
        return Ok(None);
    }
    let sql = format!("SELECT count(*) FROM {}", quoted(endpoint));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.map(Some)
}

/// A name that no table has yet, and no endpoint can have: those begin with a letter.
async fn free_name(
    connection: &mut SqliteConnection,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    let name = format!("_old_{endpoint}_{}", now.format("%Y_%m_%d"));
    for number in 1.. {
        let name = if number == 1 { name.clone() } else { format!("{name}_{number}") };
        let is_taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE) \
             OR EXISTS (SELECT 1 FROM _sync_columns WHERE endpoint = ?1)",
        )
        .bind(&name)
        .fetch_one(&mut *connection)
        .await?;
        if !is_taken {
            return Ok(name);
        }
    }
    Ok(name)
}
