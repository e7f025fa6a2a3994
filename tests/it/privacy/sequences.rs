//! Removals that meet what happened before: tables that were dropped, keys that have changed, names, every kind of value.

use serde_json::{Value, json};

use super::{EXCLUDE, KEY, MANY, PLANTED, Registry, people};
use crate::support::{Answer, Api, Sandbox};

#[test]
fn what_a_dropped_table_has_left_in_the_file_is_erased() {
    let mut registry = Registry::new(people(MANY));
    registry.run("").expect_status(0);
    let open = registry.connection();
    open.execute_batch("DROP TABLE users").expect("the database can be written");
    assert!(registry.bytes().contains(PLANTED));
    registry.run(EXCLUDE).expect_status(0);
    registry.expect_gone();
}

#[test]
fn a_key_that_has_changed_is_told_of_even_where_the_old_one_is_excluded() {
    let mut registry = Registry::new(people(3));
    registry.run("key = ['email']").expect_status(0);
    registry
        .run("exclude = ['email']")
        .expect_status(1)
        .expect_stderr("table `users` was made with the key email, the configuration now says id");
}

#[test]
fn an_endpoint_may_have_any_name() {
    for name in ["replaced", "spelled"] {
        let api = Api::serve(|_| Answer::json(r#"[{"id":1,"text":"planted","number":0.5}]"#));
        let endpoint = format!("[[endpoint]]\nname = \"{name}\"\npath = \"/x\"\nkey = [\"id\"]");
        let mut sandbox = Sandbox::with_api(&api.url(), &endpoint);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.set("MAPIQ_HASH_KEY", KEY);
        let list = format!("MAPIQ_SYNC__ENDPOINT__{}__HASH", name.to_uppercase());
        sandbox.set(&list, "[\"id\", \"text\", \"number\"]");
        sandbox.run(&["--run-now"]).expect_status(0);
        let hashed = format!("SELECT length(id), length(text), length(number) FROM {name}");
        assert_eq!(sandbox.lines(&hashed), ["32|32|32"]);
    }
}

/// Values of every JSON type and at the borders of the columns' types.
fn values() -> Vec<&'static str> {
    vec![
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1.00",
        "1e3",
        "1E+2",
        "0.1",
        "2.50",
        "1e-7",
        "1e22",
        "1e300",
        "5e-324",
        "9007199254740993",
        "9007199254740992.0",
        "-9223372036854775808",
        "9223372036854775808",
        "1152921504606846976.0",
        "1e18",
        "123456789012345680.0",
        "3.14159265358979323846",
        "1e400",
        "1e99999999999999999999",
        "true",
        "false",
        "null",
        r#""""#,
        r#""007""#,
        r#""1""#,
        r#""true""#,
        r#""null""#,
        r#""a\u0000b""#,
        r#""it's \"quoted\" \\ \/ \u0041""#,
        r#""[1]""#,
        r#""{\"a\":1}""#,
        r#"" 5 ""#,
        "[]",
        "[[]]",
        "[null]",
        r#"[ 1.0 , {"b":null,"a":[[1e2,"\u0041"]]} ]"#,
        r#"[[["x"],[]],["y"]]"#,
        r#"[{"a":1,"a":2}]"#,
        r#"["\ud800"]"#,
        r#""名前 🦀""#,
    ]
}

#[test]
fn every_value_that_is_hashed_in_its_place_has_the_hash_of_the_one_that_is_fetched() {
    let values = values();
    let fields: Vec<String> = (0..values.len()).map(|at| format!("f{at}")).collect();
    let members =
        || fields.iter().zip(&values).map(|(field, value)| format!("\"{field}\":{value}"));
    let all = members().collect::<Vec<_>>().join(",");
    // As fields, in an array, in an array of arrays, in an object, in JSON text, and in a record that cannot be stored.
    let record = |id: &str| {
        format!(
            "{{\"id\":{id},{all},\"list\":[{{{all}}},1],\"deep\":[[{{{all}}}]],\"home\":{{{all}}},\"map\":{{\"home\":{{{all}}}}}}}"
        )
    };
    let body = format!("[{},{}]", record("1"), record("null"));
    let paths: Vec<String> = ["", "list[].", "deep[][].", "home.", "map.home."]
        .iter()
        .flat_map(|above| fields.iter().map(move |field| format!("\"{above}{field}\"")))
        .collect();
    let hash = format!("hash = [{}]", paths.join(", "));
    let stored = |first: &str, serves_again: bool| {
        let body = body.clone();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let api = Api::serve(move |_| {
            let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            Answer::json(if first || serves_again { body.clone() } else { "[]".to_owned() })
        });
        let mut sandbox = Sandbox::new();
        sandbox.set("MAPIQ_HASH_KEY", KEY);
        let configure = |lines: &str| {
            format!(
                "[api]\nbase_url = \"{0}\"\ntoken_url = \"{0}/token\"\n[rate_limit]\nrequests = 0\n\
                 [[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\njson = [\"map\"]\n{lines}\n\
                 [[job]]\nname = \"all\"\nschedule = \"* * * * * *\"\nendpoints = [\"users\"]\n",
                api.url()
            )
        };
        sandbox.write("config.toml", &configure(first));
        sandbox.run(&["--run-now"]).expect_status(65);
        sandbox.write("config.toml", &configure(&hash));
        sandbox.run(&["--run-now"]);
        let mut columns = sandbox.lines("SELECT column_name FROM _sync_columns ORDER BY 1");
        columns.retain(|column| column != "id");
        let mut lines: Vec<String> = columns
            .iter()
            .map(|column| {
                let value = sandbox.lines(&format!("SELECT \"{column}\" FROM users"));
                format!("{column} {}", value.join(";"))
            })
            .collect();
        lines.extend(sandbox.lines("SELECT record FROM _sync_rejects"));
        lines
    };
    let fetched = stored(&hash, true);
    let in_place = stored("", false);
    for (one, other) in in_place.iter().zip(&fetched) {
        assert_eq!(one, other);
    }
    assert_eq!(in_place.len(), fetched.len());
}

#[test]
fn an_excluded_object_takes_all_that_lies_below_it_along() {
    let record: Value = json!({
        "id": 1,
        "host": {
            "name": PLANTED,
            "home": { "street": PLANTED, "at": [PLANTED] },
            "Home Page": PLANTED,
            "a.b": PLANTED,
        },
        "host.literal": PLANTED,
        "hostess": "stays",
        "groups": [[{ "host": { "name": PLANTED } }, [PLANTED]], []],
    });
    let mut registry = Registry::new(vec![record]);
    registry.run("").expect_status(0);
    registry.returns(Vec::new());
    registry
        .run("exclude = ['host', 'host.literal', 'groups[][].host', 'groups[][][]']")
        .expect_status(0);
    registry.expect_gone();
    assert_eq!(
        registry.sandbox.lines("SELECT id, hostess, groups FROM users"),
        ["1|stays|[[{},[]],[]]"]
    );
}

#[test]
fn no_copy_of_the_data_is_made_away_from_the_database() {
    let mut registry = Registry::new(people(MANY));
    let elsewhere = registry.sandbox.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("the folder is writable");
    registry.sandbox.set("TMPDIR", &elsewhere.display().to_string());
    // A file that is made in a folder, and deleted at once, moves the folder's time on.
    let changed_at = || {
        let folder = std::fs::metadata(&elsewhere).expect("the folder is there");
        folder.modified().expect("the file system keeps times")
    };
    let before = changed_at();
    registry.run("").expect_status(0);
    registry.run(EXCLUDE).expect_status(0);
    assert_eq!(changed_at(), before);
}
