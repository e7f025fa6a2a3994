//! The rows of a data table that are not deleted, read some thousands at a time.

use sqlx::{AssertSqlSafe, sqlite::SqliteArguments};

use super::{
    Store, StoreError,
    error::Doing,
    statements::{bind, quoted},
};
use crate::rows::FieldPath;

/// Rows of one answer. One text holds them all: each row of an answer crosses to another thread by itself.
const AT_ONCE: i64 = 10_000;

const READ: &str = "read which rows are there";

/// A column that holds dates or date-times as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateColumn(String);

/// Those rows whose text begins with one of these dates.
#[derive(Clone, Copy, Debug)]
pub struct DatedFrom<'r> {
    /// The column.
    pub column: &'r DateColumn,
    /// The first date: `2026-01-01`.
    pub first: &'r str,
    /// The date that is the first one after them.
    pub end: &'r str,
}

impl Store {
    /// The column of a field; `None` where it has none, as no record has had it yet.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn date_column(
        &self,
        endpoint: &str,
        field: &FieldPath,
    ) -> Result<Option<DateColumn>, StoreError> {
        let field = field.as_str();
        let mut writer = self.writer().await?;
        // A key that holds a dot is written in quotes, and found before nested ones, as in responses.
        let column = sqlx::query_scalar(
            "SELECT column_name FROM _sync_columns WHERE endpoint = ?1 AND json_path IN (?2, ?3) AND type = 'TEXT' \
             ORDER BY json_path = ?2 LIMIT 1",
        )
        .bind(endpoint)
        .bind(field)
        .bind(serde_json::Value::from(field).to_string())
        .fetch_optional(&mut writer.connection)
        .await
        .doing(READ)?;
        Ok(column.map(DateColumn))
    }

    /// The next rows of a table that are not deleted, by their ids from `from` on, each with its date where those of dates
    /// are asked for; none: there are no more.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn live_rows(
        &self,
        endpoint: &str,
        dated: Option<DatedFrom<'_>>,
        from: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, from).doing(READ)?;
        let (value, condition) = match dated {
            None => ("''".to_owned(), String::new()),
            Some(DatedFrom { column, first, end }) => {
                bind(&mut arguments, first.to_owned()).doing(READ)?;
                bind(&mut arguments, end.to_owned()).doing(READ)?;
                let column = quoted(&column.0);
                // What holds anything else is no date, and would be taken for several rows here.
                let condition = format!(
                    "AND {column} >= ? AND {column} < ? AND {column} NOT GLOB '*[^-0-9:.TtZz+ ]*'"
                );
                (column, condition)
            }
        };
        bind(&mut arguments, AT_ONCE).doing(READ)?;
        let sql = format!(
            "SELECT group_concat(id || ',' || value, ';') FROM (SELECT _rowid_ AS id, {value} AS value FROM {} \
             WHERE _rowid_ >= ? AND _deleted_at IS NULL {condition} ORDER BY _rowid_ LIMIT ?)",
            quoted(endpoint)
        );
        let mut writer = self.writer().await?;
        let told: Option<String> = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
            .fetch_one(&mut writer.connection)
            .await
            .doing(READ)?;
        let row = |told: &str| {
            let (id, value) = told.split_once(',')?;
            Some((id.parse().ok()?, value.to_owned()))
        };
        Ok(told.iter().flat_map(|told| told.split(';')).filter_map(row).collect())
    }
}
