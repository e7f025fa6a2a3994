//! The fields that have no column of their own, but a member of the JSON in one that they share.

use sqlx::SqliteConnection;

use super::{Mark, Scrubbed, forget, values};
use crate::{
    rows::{Fate, Redactor},
    store::schema::{Extra, Table},
};

/// Excludes and hashes members of the JSON column.
pub(super) async fn scrub(
    connection: &mut SqliteConnection,
    table: &Table,
    mark: &Mark<'_>,
    redactor: &mut Redactor,
    scrubbed: &mut Scrubbed,
) -> Result<(), sqlx::Error> {
    let Some(Extra { column, fields }) = &table.extra else { return Ok(()) };
    let fates: Vec<Fate> = fields.iter().map(|field| redactor.fate(&field.json_path)).collect();
    if fates.iter().all(|fate| *fate == Fate::Kept) {
        return Ok(());
    }
    let replaced = values::replace(connection, &table.name, column, false, mark, |text| {
        redactor.by_path(text)
    });
    if replaced.await? > 0 {
        scrubbed.rewritten.push(column.clone());
    }
    for (field, fate) in fields.iter().zip(fates) {
        match fate {
            Fate::Kept | Fate::Rewritten => {}
            Fate::Removed => forget(connection, &table.name, &field.json_path).await?,
            Fate::Hashed => are_texts(connection, &table.name, &field.json_path).await?,
        }
    }
    Ok(())
}

/// Notes that a field's values are hashes by now.
pub(super) async fn are_texts(
    connection: &mut SqliteConnection,
    endpoint: &str,
    json_path: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE _sync_columns SET json_types = 'string' WHERE endpoint = ? AND json_path = ? AND json_types <> ''",
    )
    .bind(endpoint)
    .bind(json_path)
    .execute(connection)
    .await?;
    Ok(())
}
