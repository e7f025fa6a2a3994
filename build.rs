//! Tells `--version` which commit the program is built from, and of which day that is.
//!
//! `MAPIQ_SYNC_COMMIT` wins: `COMMIT` or `COMMIT YYYY-MM-DD`; empty: there is none. Else it is the commit that
//! `cargo package` has noted, else that of the git repository whose root this is. Where none is known, the version is
//! the package's alone: a build needs no git.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const VARIABLE: &str = "MAPIQ_SYNC_COMMIT";

/// What `cargo package` leaves in a package.
const NOTED: &str = ".cargo_vcs_info.json";

/// How many digits of a commit are shown.
const DIGITS: usize = 12;

/// A commit, and the day that it was made.
#[derive(Default)]
struct Commit {
    id: String,
    date: String,
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let known = match env::var(VARIABLE) {
        Ok(stated) => read(&stated),
        Err(_) => Some(noted(&root).or_else(|| of_git(&root)).unwrap_or_default()),
    };
    let Some(commit) = known else {
        println!(
            "cargo::error={VARIABLE} must be a commit and perhaps its day, such as `0123456789ab 2026-11-26`"
        );
        return;
    };
    let package = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match (commit.id.as_str(), commit.date.as_str()) {
        ("", _) => package,
        (id, "") => format!("{package} ({id})"),
        (id, date) => format!("{package} ({id} {date})"),
    };
    println!("cargo::rustc-env=MAPIQ_SYNC_VERSION={version}");
    println!("cargo::rustc-env=MAPIQ_SYNC_DATE={}", commit.date);
}

/// Reads what the environment states; `None`: it is no commit.
fn read(stated: &str) -> Option<Commit> {
    let mut words = stated.split_ascii_whitespace();
    let (id, date) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_word =
        |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-._+".contains(c));
    let is_right = is_word(id) && is_date(date) && words.next().is_none();
    is_right.then(|| Commit { id: short(id), date: date.to_owned() })
}

/// Whether it is a day, or nothing.
fn is_date(word: &str) -> bool {
    let is_right = |(place, c): (usize, char)| match place {
        4 | 7 => c == '-',
        _ => c.is_ascii_digit(),
    };
    word.is_empty() || (word.len() == 10 && word.chars().enumerate().all(is_right))
}

/// A whole SHA is cut; any other name, such as a tag, stays as it is.
fn short(id: &str) -> String {
    let is_sha = id.len() >= 40 && id.chars().all(|c| c.is_ascii_hexdigit());
    id.chars().take(if is_sha { DIGITS } else { usize::MAX }).collect()
}

/// What `cargo package` has noted; it says nothing of the day.
fn noted(root: &Path) -> Option<Commit> {
    let path = root.join(NOTED);
    let text = fs::read_to_string(&path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    let (_, after) = text.split_once("\"sha1\"")?;
    let id = after.split('"').nth(1)?;
    Some(Commit { id: short(id), date: String::new() })
}

/// The commit of the repository whose root this is: one further up is another project's, which has this one unpacked in it.
fn of_git(root: &Path) -> Option<Commit> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    watch(root);
    let log = git(root, &["log", "-1", "--abbrev=12", "--format=%h %cs"])?;
    let (id, date) = log.split_once(' ')?;
    Some(Commit { id: id.to_owned(), date: date.to_owned() })
}

/// Has cargo look at what changes with a commit or a checkout, and at nothing else: a path that is not there would have it
/// build anew each time.
fn watch(root: &Path) {
    let head = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "logs/HEAD", "packed-refs"].into_iter().map(str::to_owned).chain(head);
    for name in names {
        let Some(path) = git(root, &["rev-parse", "--git-path", &name]) else { continue };
        let path = root.join(path);
        if path.is_file() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

/// What git says, where it is there and says something.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
