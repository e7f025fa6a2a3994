//! Which fields the complete sweeps of an endpoint bring: a field that vanishes is told once, and once more when it is back.

use sqlx::SqliteConnection;

use super::{Change, SchemaChange, record};
use crate::{
    clock::format_utc,
    rows::{Flattener, Sighting},
    store::{RunId, Store, StoreError, error::Doing},
};

const JUDGE: &str = "note which fields have vanished";

/// What is known of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Present,
    Vanished,
}

impl Presence {
    fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Vanished => "vanished",
        }
    }

    fn of(state: Option<&str>) -> Option<Self> {
        [Self::Present, Self::Vanished].into_iter().find(|known| Some(known.as_str()) == state)
    }
}

/// What becomes of a field with the end of a complete sweep, and what there is to tell. A sweep of which a part was read by
/// an earlier run (`is_whole` is false then) says nothing of what it does not have.
fn judge(
    known: Option<Presence>,
    sighting: Sighting,
    is_whole: bool,
) -> Option<(Presence, Option<Change>)> {
    match (known, sighting) {
        (None, Sighting::Met) => Some((Presence::Present, None)),
        (Some(Presence::Vanished), Sighting::Met) => {
            Some((Presence::Present, Some(Change::FieldIsBack)))
        }
        (Some(Presence::Present), Sighting::Missed) if is_whole => {
            Some((Presence::Vanished, Some(Change::VanishedField)))
        }
        (Some(Presence::Present), Sighting::Met | Sighting::Missed | Sighting::Unknown)
        | (Some(Presence::Vanished) | None, Sighting::Missed | Sighting::Unknown) => None,
    }
}

/// Whether the endpoint was read whole once since its table was made.
pub(super) async fn is_known(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM _sync_presence WHERE endpoint = ?)")
        .bind(endpoint)
        .fetch_one(connection)
        .await
}

/// Notes that an endpoint was read whole, unless it has never brought a record.
pub(in crate::store) async fn is_read_whole(
    connection: &mut SqliteConnection,
    endpoint: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR IGNORE INTO _sync_presence (endpoint, json_path, state) \
         SELECT endpoint, json_path, 'present' FROM _sync_columns WHERE endpoint = ? AND key_part IS NOT NULL AND json_types <> ''",
    )
    .bind(endpoint)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Judges at the end of a complete sweep, which had a record at least, which fields have vanished or are back;
    /// `flattener` has met what this run has read of it, which is all of it where `is_whole`.
    ///
    /// # Errors
    /// Where that cannot be read or noted.
    pub async fn judge_fields(
        &self,
        run: RunId,
        endpoint: &str,
        flattener: &Flattener,
        is_whole: bool,
    ) -> Result<(), StoreError> {
        let now = format_utc(self.clock.now().wall);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin(JUDGE).await?;
        let fields: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT c.json_path, c.column_name, p.state FROM _sync_columns AS c \
             LEFT JOIN _sync_presence AS p ON p.endpoint = c.endpoint AND p.json_path = c.json_path \
             WHERE c.endpoint = ? AND c.key_part IS NULL ORDER BY c.rowid",
        )
        .bind(endpoint)
        .fetch_all(&mut *transaction)
        .await
        .doing(JUDGE)?;
        for (json_path, column, state) in fields {
            let known = Presence::of(state.as_deref());
            let sighting = flattener.sighting(&json_path);
            let Some((presence, change)) = judge(known, sighting, is_whole) else { continue };
            sqlx::query(
                "INSERT INTO _sync_presence (endpoint, json_path, state) VALUES (?, ?, ?) \
                 ON CONFLICT (endpoint, json_path) DO UPDATE SET state = excluded.state",
            )
            .bind(endpoint)
            .bind(&json_path)
            .bind(presence.as_str())
            .execute(&mut *transaction)
            .await
            .doing(JUDGE)?;
            if let Some(change) = change {
                let change = SchemaChange { change, json_path, column, before: None, after: None };
                record(&mut transaction, run, endpoint, &change, None, &now).await.doing(JUDGE)?;
            }
        }
        transaction.commit().await.doing(JUDGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_once_when_it_goes_and_once_when_it_is_back() {
        use Presence::{Present, Vanished};
        use Sighting::{Met, Missed, Unknown};
        for (known, sighting, is_whole, expected) in [
            (None, Met, true, Some((Present, None))),
            (None, Missed, true, None),
            (Some(Present), Met, true, None),
            (Some(Present), Missed, true, Some((Vanished, Some(Change::VanishedField)))),
            (Some(Present), Missed, false, None),
            (Some(Present), Unknown, true, None),
            (Some(Vanished), Missed, true, None),
            (Some(Vanished), Unknown, true, None),
            (Some(Vanished), Met, false, Some((Present, Some(Change::FieldIsBack)))),
        ] {
            let judged = judge(known, sighting, is_whole);
            assert_eq!(judged, expected, "{known:?} {sighting:?} {is_whole}");
        }
    }
}
