//! Who may read or change a file.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner, and the group that root has given it to: a service that is not root reads what is root's by its group alone.
    Few,
    /// Others too; its permission bits.
    Others(u32),
}

/// Who may read a file; who cannot be told counts as few.
pub(super) fn readers(path: &Path) -> Readers {
    fs::metadata(path).map_or(Readers::Few, |found| readers_of(found.mode(), found.uid()))
}

fn readers_of(mode: u32, owner: u32) -> Readers {
    let others = if owner == 0 { 0o007 } else { 0o077 };
    if mode & others == 0 { Readers::Few } else { Readers::Others(mode & 0o7777) }
}

/// What to do where anybody may change the file.
pub(super) fn others_may_write(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode();
    (mode & 0o002 != 0).then(|| {
        format!(
            "anybody may change {} (mode {:04o}), and so send the secret elsewhere: chmod o-w",
            path.display(),
            mode & 0o7777
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_reads_what_root_has_given_it_and_nothing_else() {
        for (mode, owner, readers) in [
            (0o100_600, 1000, Readers::Few),
            (0o100_640, 1000, Readers::Others(0o640)),
            (0o100_640, 0, Readers::Few),
            // As systemd hands a credential over, with a list of who may read it.
            (0o100_440, 0, Readers::Few),
            (0o100_644, 0, Readers::Others(0o644)),
            (0o100_604, 1000, Readers::Others(0o604)),
        ] {
            assert_eq!(readers_of(mode, owner), readers, "{mode:o} {owner}");
        }
    }
}
