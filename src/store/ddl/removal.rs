//! Statements that take something away from a data table, or out of the way.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection, error::DatabaseError};

use super::statements::quoted;

/// SQLite's code for a statement that is at fault itself (`SQLITE_ERROR`, <https://www.sqlite.org/rescode.html>).
const STATEMENT: &str = "1";

/// Drops a column; `false` where something that users have made of it needs it.
///
/// SQLite itself refuses a column that an index or a generated column uses. That it looks at views and triggers too, which
/// would fail from then on, is what `legacy_alter_table` prevents elsewhere.
pub(in crate::store) async fn drop_column(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query("PRAGMA legacy_alter_table = OFF").execute(&mut *connection).await?;
    let dropped = try_to_drop(connection, table, column).await;
    let restored = sqlx::query("PRAGMA legacy_alter_table = ON").execute(&mut *connection).await;
    let dropped = dropped?;
    restored?;
    Ok(dropped)
}

async fn try_to_drop(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let sql = format!("ALTER TABLE {} DROP COLUMN {}", quoted(table), quoted(column));
    let mut savepoint = connection.begin().await?;
    match sqlx::query(AssertSqlSafe(sql)).execute(&mut *savepoint).await {
        Ok(_) => savepoint.commit().await.map(|()| true),
        Err(error)
            if error.as_database_error().and_then(DatabaseError::code).as_deref()
                == Some(STATEMENT) =>
        {
            savepoint.rollback().await.map(|()| false)
        }
        Err(error) => Err(error),
    }
}

/// Drops the users' triggers on a table, and gives what makes them again.
pub(in crate::store) async fn take_triggers(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await?;
    for (name, _) in &triggers {
        let sql = format!("DROP TRIGGER {}", quoted(name));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(triggers.into_iter().map(|(_, sql)| sql).collect())
}

/// Makes triggers again.
pub(in crate::store) async fn put_triggers_back(
    connection: &mut SqliteConnection,
    triggers: Vec<String>,
) -> Result<(), sqlx::Error> {
    for sql in triggers {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets the values that somebody's `ANALYZE` has noted of a table's indexes.
pub(in crate::store) async fn forget_samples(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<(), sqlx::Error> {
    let noted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat4'")
            .fetch_one(&mut *connection)
            .await?;
    if noted > 0 {
        sqlx::query("DELETE FROM sqlite_stat4 WHERE tbl = ? COLLATE NOCASE")
            .bind(table)
            .execute(connection)
            .await?;
    }
    Ok(())
}
