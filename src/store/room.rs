//! How much room the database's content takes, and how much its disk has.

use std::path::Path;

use sqlx::SqliteConnection;

/// How many bytes the pages in use take.
pub(super) async fn taken(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let content: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(content).unwrap_or(0))
}

/// How many bytes are free on the disk of a file or a folder, where that can be told.
pub(super) fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
