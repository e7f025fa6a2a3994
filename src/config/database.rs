//! `[database]`.

use std::path::{Path, PathBuf};

use super::{
    environment::Environment,
    reader::{Problem, Section},
    tree::Node,
    values,
};
use crate::store::{RejectBounds, Settings};

/// Reads it; a relative path begins at systemd's state folder, where there is one.
pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment,
    rejects: RejectBounds,
) -> Settings {
    let mut database = root.section("database");
    let path = database.optional("path", path).unwrap_or_else(|| "mapiq.db".into());
    let mode = database.optional("mode", values::mode).unwrap_or(0o600);
    database.refuse(
        "group",
        Problem::not_supported(
            "leave it out, and give the database's folder that group and the setgid bit: new files get it",
        ),
    );
    database.finish();

    // systemd separates several folders by colons.
    let folder = environment.get("STATE_DIRECTORY").and_then(|all| all.split(':').next());
    Settings { path: Path::new(folder.unwrap_or_default()).join(path), mode, rejects }
}

fn path(node: &Node) -> Result<PathBuf, Problem> {
    let text = values::filled_text(node)?;
    if text == ":memory:" || text.starts_with("file:") {
        return Err(Problem::new(
            format!("must be the path of a file, not `{text}`"),
            "such as \"mapiq.db\"",
        ));
    }
    Ok(text.into())
}
