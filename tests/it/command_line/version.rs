//! `--version`, and how the build learns of the commit: the build script itself, compiled and run in other places.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::support::Sandbox;

/// The build script, compiled once.
static SCRIPT: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let binary = folder.path().join("build-script");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition", "2024", "--crate-name", "build_script", "-o"])
        .arg(&binary)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs"))
        .status();
    assert!(status.expect("rustc starts").success(), "build.rs compiles");
    (folder, binary)
});

/// What the build script tells cargo in a folder.
fn told(root: &Path, stated: Option<&str>) -> Vec<String> {
    let mut command = Command::new(&SCRIPT.1);
    command.env("CARGO_MANIFEST_DIR", root).env("CARGO_PKG_VERSION", "1.2.3");
    command.env_remove("MAPIQ_SYNC_COMMIT");
    if let Some(stated) = stated {
        command.env("MAPIQ_SYNC_COMMIT", stated);
    }
    let Output { status, stdout, stderr } = command.output().expect("the script starts");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).lines().map(str::to_owned).collect()
}

fn version(root: &Path, stated: Option<&str>) -> String {
    let told = told(root, stated);
    let version =
        told.iter().find_map(|line| line.strip_prefix("cargo::rustc-env=MAPIQ_SYNC_VERSION="));
    version.unwrap_or_else(|| panic!("no version: {told:?}")).to_owned()
}

/// Runs git, with a commit's day that never changes.
fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(root)
        .args(["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", "2026-03-01T12:00:00+01:00")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// A repository with one commit.
fn repository() -> TempDir {
    let folder = folder();
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["commit", "--quiet", "--allow-empty", "--message", "First"]);
    folder
}

#[test]
fn the_version_is_that_of_the_package_and_names_a_commit_where_one_is_known() {
    let version = Sandbox::new().run(&["--version"]).expect_status(0).stdout;
    let rest = version.strip_prefix(concat!("mapiq-sync ", env!("CARGO_PKG_VERSION")));
    let rest = rest.unwrap_or_else(|| panic!("{version}")).trim_end();
    let commit = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    assert!(rest.is_empty() || commit.is_some(), "{version}");
    assert_eq!(version.lines().count(), 1);
}

#[test]
fn the_environment_wins_over_the_repository() {
    let (repository, nowhere) = (repository(), folder());
    for root in [repository.path(), nowhere.path()] {
        assert_eq!(
            version(root, Some("0123456789ab 2026-11-26")),
            "1.2.3 (0123456789ab 2026-11-26)"
        );
        assert_eq!(version(root, Some("v1.2.3-4")), "1.2.3 (v1.2.3-4)");
        let whole = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(version(root, Some(whole)), "1.2.3 (0123456789ab)");
        assert_eq!(version(root, Some("")), "1.2.3");
    }
    for wrong in ["0123456789ab yesterday", "one 2026-11-26 two", "a\"b", "0123 2026-11-2"] {
        let told = told(nowhere.path(), Some(wrong));
        assert!(
            told.iter().any(|line| line.starts_with("cargo::error=MAPIQ_SYNC_COMMIT must be")),
            "{told:?}"
        );
        assert!(told.iter().all(|line| !line.contains("rustc-env")), "{told:?}");
    }
}

#[test]
fn a_repository_tells_its_last_commit_and_the_day_of_it() {
    let repository = repository();
    let id = git(repository.path(), &["rev-parse", "--short=12", "HEAD"]);
    assert_eq!(version(repository.path(), None), format!("1.2.3 ({id} 2026-03-01)"));
    let told = told(repository.path(), None);
    assert!(told.contains(&"cargo::rustc-env=MAPIQ_SYNC_DATE=2026-03-01".to_owned()), "{told:?}");
}

#[test]
fn a_build_is_repeated_after_a_commit_and_not_without_one() {
    let repository = repository();
    let told = told(repository.path(), None);
    let watched: Vec<&str> =
        told.iter().filter_map(|line| line.strip_prefix("cargo::rerun-if-changed=")).collect();
    // Cargo builds anew each time where one of them is not there.
    for path in watched.iter().filter(|path| **path != "build.rs") {
        assert!(Path::new(path).is_file(), "{path}");
    }
    let read = |path: &&&str| fs::read(path).ok();
    let before: Vec<_> = watched.iter().map(|path| read(&path)).collect();
    git(repository.path(), &["commit", "--quiet", "--allow-empty", "--message", "Second"]);
    let after: Vec<_> = watched.iter().map(|path| read(&path)).collect();
    assert_ne!(before, after, "{watched:?}");
    assert!(
        watched.iter().all(|path| !path.ends_with("/index")),
        "git writes it when it only looks"
    );
}

#[test]
fn a_folder_without_git_has_the_version_of_the_package() {
    assert_eq!(version(folder().path(), None), "1.2.3");
}

#[test]
fn a_package_tells_the_commit_that_cargo_has_noted_and_not_that_of_the_folder_around_it() {
    let repository = repository();
    let package = repository.path().join("target/package/mapiq-sync-1.2.3");
    fs::create_dir_all(&package).expect("a folder can be made");
    assert_eq!(version(&package, None), "1.2.3");
    let noted =
        r#"{ "git": { "sha1": "fedcba9876543210fedcba9876543210fedcba98" }, "path_in_vcs": "" }"#;
    fs::write(package.join(".cargo_vcs_info.json"), noted).expect("a file can be written");
    assert_eq!(version(&package, None), "1.2.3 (fedcba987654)");
}
