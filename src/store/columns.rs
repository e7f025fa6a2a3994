//! The data tables as they stand: found through `_sync_columns`, made, and changed to hold a page.

mod lines;

use sqlx::SqliteConnection;

pub(super) use self::lines::load;
use super::{
    StoreError, coverage, ddl, drift,
    error::Doing,
    missing,
    schema::{Changes, Field, MAX_COLUMNS, Table},
    seen,
    writer::Writer,
};
use crate::rows::{ColumnType, Paths};

/// A table of so many rows takes about a second to copy: then somebody who waits is told.
const LARGE: i64 = 100_000;

/// Of so many columns that change their types the names are told.
const TOLD: usize = 10;

/// Makes an endpoint's table where there is none, or checks that the stored one is the endpoint's.
pub(super) async fn ensure_table(
    writer: &mut Writer,
    endpoint: &str,
    paths: &Paths,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "make the endpoint's table";
    let mut transaction = writer.begin(doing).await?;
    if let Some(table) = load(&mut transaction, endpoint, doing).await? {
        return table.make_sure_of_key(paths);
    }
    let taken: Option<String> = sqlx::query_scalar(
        "SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type <> 'trigger'",
    )
    .bind(endpoint)
    .fetch_optional(&mut *transaction)
    .await
    .doing(doing)?;
    if let Some(kind) = taken {
        return Err(StoreError::NameTaken { table: endpoint.to_owned(), kind });
    }
    let table = Table::new(endpoint, paths);
    ddl::create_table(&mut transaction, &table, endpoint, &[]).await.doing(doing)?;
    for column in &table.columns {
        lines::record_column(&mut transaction, endpoint, column, now).await.doing(doing)?;
    }
    drift::start_over(&mut transaction, endpoint).await.doing(doing)?;
    // What an open sweep has stored so far went with the table that was dropped.
    sqlx::query(
        "UPDATE _sync_sweeps SET finished_at = ?, result = 'superseded' WHERE endpoint = ? AND finished_at IS NULL",
    )
    .bind(now)
    .bind(endpoint)
    .execute(&mut *transaction)
    .await
    .doing(doing)?;
    // Its row ids mean other rows from now on.
    missing::forget(&mut transaction, endpoint).await.doing(doing)?;
    seen::forget_finished(&mut transaction, endpoint).await.doing(doing)?;
    coverage::forget(&mut transaction, endpoint).await.doing(doing)?;
    transaction.commit().await.doing(doing)
}

impl Table {
    /// Makes sure that the stored table has the key that the configuration says.
    pub(super) fn make_sure_of_key(&self, paths: &Paths) -> Result<(), StoreError> {
        let json_paths = |table: &Self| {
            table.key().iter().map(|column| column.json_path.clone()).collect::<Vec<_>>()
        };
        let (stored, configured) = (json_paths(self), json_paths(&Self::new(&self.name, paths)));
        if stored == configured {
            return Ok(());
        }
        Err(StoreError::KeyChanged {
            table: self.name.clone(),
            stored: stored.join(", "),
            configured: configured.join(", "),
        })
    }
}

/// Carries the changes out, on the database and on `table`.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    table: &mut Table,
    changes: Changes,
    now: &str,
) -> Result<(), StoreError> {
    let doing = "change the endpoint's table to hold a page";
    let columns = table.width() + changes.width();
    if columns > MAX_COLUMNS {
        return Err(StoreError::TooManyColumns {
            table: table.name.clone(),
            columns,
            limit: MAX_COLUMNS,
        });
    }
    for column in &changes.added {
        lines::record_column(connection, &table.name, column, now).await.doing(doing)?;
    }
    // Each column that is added has SQLite read the table's definition again: an empty table is sooner made anew.
    let is_made_anew = !changes.rebuilt.is_empty() || (table.is_unused() && changes.width() > 0);
    if is_made_anew {
        rebuild(connection, table, &changes, doing).await?;
    } else {
        for column in &changes.added {
            ddl::add_column(connection, &table.name, column).await.doing(doing)?;
        }
        if let Some(extra) = &changes.extra {
            ddl::add_extra(connection, &table.name, extra).await.doing(doing)?;
        }
        table.extend(&changes);
    }
    overflow(connection, table, changes.overflowed, now).await.doing(doing)?;
    for (place, json_types) in changes.json_types {
        if let Some(json_path) = table.set_json_types(place, json_types.clone()).map(str::to_owned)
        {
            lines::update_json_types(connection, &table.name, &json_path, &json_types)
                .await
                .doing(doing)?;
        }
    }
    Ok(())
}

/// Notes the fields for which there is no room; the table has its JSON column by now.
async fn overflow(
    connection: &mut SqliteConnection,
    table: &mut Table,
    fields: Vec<Field>,
    now: &str,
) -> Result<(), sqlx::Error> {
    let Some(extra) = table.extra.as_mut().filter(|_| !fields.is_empty()) else { return Ok(()) };
    if extra.fields.is_empty() {
        tracing::warn!(
            endpoint.name = table.name,
            column.name = extra.column,
            columns.count = table.columns.len(),
            "the table has no room for more columns: every further field goes into one JSON column, _sync_columns tells which;              keep some fields as JSON text (`json`) or leave them out (`exclude`)"
        );
    }
    for field in &fields {
        lines::record_field(connection, &table.name, &extra.column, field, now).await?;
    }
    extra.fields.extend(fields);
    Ok(())
}

async fn rebuild(
    connection: &mut SqliteConnection,
    table: &mut Table,
    changes: &Changes,
    doing: &'static str,
) -> Result<(), StoreError> {
    let own = ddl::own_columns(connection, table).await.doing(doing)?;
    if own.len() < table.added_by_users.len() {
        return Err(columns_added(table));
    }
    let before = table.clone();
    for &(index, to) in &changes.rebuilt {
        if let Some(column) = table.columns.get_mut(index) {
            column.declared = to;
        }
    }
    // What the page asks for may not hold every number that is stored already.
    let to_real: Vec<(usize, &str)> = changes
        .rebuilt
        .iter()
        .filter(|(_, to)| *to == ColumnType::Real)
        .filter_map(|&(index, _)| Some((index, before.columns.get(index)?)))
        .filter(|(_, column)| column.declared == ColumnType::Integer)
        .map(|(index, column)| (index, column.name.as_str()))
        .collect();
    if !to_real.is_empty() {
        let names: Vec<&str> = to_real.iter().map(|(_, name)| *name).collect();
        let survive = ddl::survive_as_real(connection, &table.name, &names).await.doing(doing)?;
        for ((index, _), _) in to_real.iter().zip(survive).filter(|(_, survives)| !survives) {
            table.columns[*index].declared = ColumnType::Text;
        }
    }
    for &(index, _) in &changes.rebuilt {
        lines::update_type(connection, &table.name, &table.columns[index]).await.doing(doing)?;
    }
    // The type of a key of which nothing was seen yet is only provisional, and there is nothing to copy.
    if !before.is_unused() {
        let rows = ddl::count_rows(connection, &table.name).await.doing(doing)?;
        tell_of_copy(table, &changes.rebuilt, rows);
    }
    table.extend(changes);
    ddl::rebuild(connection, &before, table, &own).await.doing(doing)?;
    if ddl::has_columns(connection, &table.name, &own).await.doing(doing)? {
        Ok(())
    } else {
        Err(columns_added(table))
    }
}

fn columns_added(table: &Table) -> StoreError {
    StoreError::ColumnsAdded { table: table.name.clone(), columns: table.added_by_users.clone() }
}

/// Tells of a table that is copied, before it is.
fn tell_of_copy(table: &Table, rebuilt: &[(usize, ColumnType)], rows: i64) {
    let mut columns: Vec<String> = rebuilt
        .iter()
        .filter_map(|(index, _)| table.columns.get(*index))
        .take(TOLD)
        .map(|column| format!("{} {}", column.name, column.declared.as_sql()))
        .collect();
    if rebuilt.len() > TOLD {
        columns.push(format!("and {} more", rebuilt.len() - TOLD));
    }
    let columns = columns.join(", ");
    if rows < LARGE {
        tracing::info!(
            endpoint.name = table.name,
            table.columns = columns,
            table.rows = rows,
            "the table is copied, since values do not fit the types of their columns"
        );
    } else {
        tracing::warn!(
            endpoint.name = table.name,
            table.columns = columns,
            table.rows = rows,
            "the table is copied, since values do not fit the types of their columns; whoever writes to the database waits so long"
        );
    }
}
