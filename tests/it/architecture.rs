//! Holds the code to the direction of dependency, and the crates with one user to that user.
//!
//! `main → cli → app → config → {daemon, sync} → {api, store} → {limits, rows} → {clock, telemetry}`: a module uses only
//! what stands to its right, members of a brace do not use each other, `cli` alone knows `simulator`, and `simulator`
//! uses nothing of the crate.

mod tokens;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokens::tokens;

/// The modules from left to right.
const LINES: [&[&str]; 8] = [
    &["main"],
    &["cli"],
    &["app"],
    &["config"],
    &["daemon", "sync"],
    &["api", "store"],
    &["limits", "rows"],
    &["clock", "telemetry"],
];

/// Crates that only some modules may name, each with those modules.
const OWNED: [(&str, &[&str]); 4] = [
    ("sqlx", &["src/store"]),
    // The simulator's tests have to ask it.
    ("reqwest", &["src/api", "src/simulator"]),
    ("tokio_cron_scheduler", &["src/daemon/schedule"]),
    ("backoff", &["src/api/retry"]),
];

/// The macros that print, which are for `cli` alone.
const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// A file of more lines than this is worth two.
const LONGEST: usize = 400;

/// Finds what the source file at `path` (from the root, such as `src/store/tables.rs`) uses and may not.
fn violations(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    let file: Vec<&str> = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .split('/')
        .filter(|part| *part != "lib")
        .collect();
    let module = file.first().copied().unwrap_or("main");
    let mut found = Vec::new();
    // The braces that are open, and whether each is a module's: `super` counts from there.
    let mut open = Vec::new();

    for at in 0..tokens.len() {
        let before = if at == 0 { "" } else { token(at - 1) };
        let (this, next) = (token(at), token(at + 1));
        match this {
            "{" => open.push(at >= 2 && token(at - 2) == "mod"),
            "}" => {
                open.pop();
            }
            _ => {}
        }
        if next == "!" && PRINTING.contains(&this) && module != "cli" {
            found.push(format!("{path}: {this}! is for cli"));
        }
        let goes_on_a_path = before == "::" && at >= 2 && is_name(token(at - 2));
        if goes_on_a_path {
            continue;
        }
        let owners = OWNED.iter().find(|(owned, _)| *owned == this).map(|(_, owners)| owners);
        if let Some(owners) = owners
            && (next == "::" || before == "use")
            && !owners.iter().any(|owner| lies_in(path, owner))
        {
            found.push(format!("{path}: {this} is for {}", owners.join(", ")));
        }
        if next != "::" {
            continue;
        }
        let depth = file.len() + open.iter().filter(|is_module| **is_module).count();
        let (climbed, after) = match this {
            "crate" | "mapiq_sync" => (depth, at + 2),
            "super" => {
                let steps = (at..).step_by(2).take_while(|at| token(*at) == "super").count();
                (steps, at + 2 * steps)
            }
            _ => continue,
        };
        if climbed == depth {
            let why = heads(&tokens, after).into_iter().filter_map(|used| forbidden(module, used));
            found.extend(why.map(|why| format!("{path}: {why}")));
        }
    }
    found
}

/// The first names of the paths that begin at `at`: one, or those of a group in braces.
fn heads(tokens: &[String], at: usize) -> Vec<&str> {
    let rest = tokens.get(at..).unwrap_or_default();
    if rest.first().is_none_or(|token| token != "{") {
        return rest.first().map(String::as_str).into_iter().collect();
    }
    let (mut depth, mut begins, mut found) = (0, false, Vec::new());
    for token in rest {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if begins => found.push(name),
            _ => {}
        }
        begins = depth == 1 && (token == "{" || token == ",");
        if depth == 0 {
            break;
        }
    }
    found
}

/// Why `module` may not use `used`, both of the crate's root.
fn forbidden(module: &str, used: &str) -> Option<String> {
    let line = |name: &str| LINES.iter().position(|line| line.contains(&name));
    let allowed = match (line(module), line(used)) {
        _ if module == used => true,
        _ if used == "simulator" => module == "cli",
        (Some(from), Some(to)) => from < to,
        _ => false,
    };
    (!allowed).then(|| format!("{module} uses {used}"))
}

/// Whether the file at `path` is the module at `owner` (without `.rs`) or below it.
fn lies_in(path: &str, owner: &str) -> bool {
    path.strip_prefix(owner).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_name(token: &str) -> bool {
    token.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Every source file: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                gather(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    gather(&root.join("src"), &mut files);
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(root)
            .expect("it was found below the root")
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(path).expect("a source file is UTF-8"))
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_arrow_goes_in_the_direction_of_the_design() {
    let found: Vec<String> =
        sources().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_its_place_in_the_design() {
    let (_, map) = sources()
        .into_iter()
        .find(|(path, _)| path == "src/lib.rs")
        .expect("the library has a root");
    let tokens = tokens(&map);
    let mut declared: Vec<&str> =
        tokens.windows(3).filter(|w| w[0] == "mod" && w[2] == ";").map(|w| w[1].as_str()).collect();
    let mut placed: Vec<&str> = LINES.concat();
    placed.retain(|name| *name != "main");
    placed.push("simulator");
    declared.sort_unstable();
    placed.sort_unstable();
    assert_eq!(declared, placed);
}

#[test]
fn no_source_file_is_longer_than_one_reads_at_once() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn an_arrow_against_the_direction_is_found_however_it_is_written() {
    let found = |path: &str, text: &str, expected: &[&str]| {
        assert_eq!(violations(path, text), expected, "{text}");
    };
    found(
        "src/store/tables.rs",
        "use crate::api::Client;",
        &["src/store/tables.rs: store uses api"],
    );
    found(
        "src/rows.rs",
        "use crate::{\n    clock::Now,\n    store::{Store, tables::Table}, limits,\n};",
        &["src/rows.rs: rows uses store", "src/rows.rs: rows uses limits"],
    );
    found(
        "src/limits.rs",
        "fn f() -> crate::config::Config {}",
        &["src/limits.rs: limits uses config"],
    );
    found(
        "src/api/token.rs",
        "use super::super::sync::Runner;",
        &["src/api/token.rs: api uses sync"],
    );
    found("src/api.rs", "use super::store;", &["src/api.rs: api uses store"]);
    found("src/api.rs", "mod tests { use super::super::store; }", &["src/api.rs: api uses store"]);
    found("src/app.rs", "use crate::simulator;", &["src/app.rs: app uses simulator"]);
    found("src/main.rs", "use mapiq_sync::simulator;", &["src/main.rs: main uses simulator"]);
    found(
        "src/simulator/data.rs",
        "use crate::clock;",
        &["src/simulator/data.rs: simulator uses clock"],
    );
    found("src/api.rs", "use crate::util;", &["src/api.rs: api uses util"]);
}

#[test]
fn a_crate_or_a_macro_outside_its_one_place_is_found() {
    let found = |path: &str, text: &str, expected: &str| {
        assert_eq!(violations(path, text), [expected], "{text}");
    };
    found("src/sync.rs", "use sqlx::query;", "src/sync.rs: sqlx is for src/store");
    found("src/storefront.rs", "sqlx::query(q)", "src/storefront.rs: sqlx is for src/store");
    found(
        "src/cli/check.rs",
        "e: ::reqwest::E",
        "src/cli/check.rs: reqwest is for src/api, src/simulator",
    );
    found("src/api.rs", "use backoff;", "src/api.rs: backoff is for src/api/retry");
    found("src/sync.rs", r#"println!("{{")"#, "src/sync.rs: println! is for cli");
    found("src/sync.rs", "std::println!()", "src/sync.rs: println! is for cli");
}

#[test]
fn what_is_allowed_or_only_spoken_of_is_not_found() {
    let none = |path: &str, text: &str| assert_eq!(violations(path, text), [""; 0], "{text}");
    none(
        "src/sync/sweep.rs",
        "use crate::{api::Client, clock::Now, rows, store::Store, sync::plan};",
    );
    none("src/cli/simulate.rs", "use crate::simulator::{self, Settings};");
    none("src/main.rs", "use mapiq_sync::cli;");
    none("src/cli.rs", "println!()");
    none(
        "src/store.rs",
        "use sqlx::Row; pub(super) fn f() {} pub(crate) fn g() {} pub(in crate::store) fn h() {}",
    );
    none("src/api.rs", "mod tests { use super::store; fn f() { store::g() } }");
    none("src/api/retry/tests.rs", "use super::super::token; use backoff::ExponentialBackoff;");
    none(
        "src/rows.rs",
        "//! See [`crate::store`].\n/* crate::api /* nested */ crate::api */ fn f<'a>(x: &'a str) {}",
    );
    none(
        "src/rows.rs",
        r##"["crate::api \" sqlx::", r#"" crate::api"#, b"crate::api"]; '"'; '\''; '\u{7}'; "a""##,
    );
    none("src/rows.rs", "let retry = settings.backoff; let backoff = 1; other::sqlx::f();");
}
