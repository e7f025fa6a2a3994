//! What the log and the errors say, at any level.

use super::{EXCLUDE, HASH, KEY, PLANTED, Registry, people_and_rejects};
use crate::support::{Answer, Api, Asked, Sandbox, token};

const TOKEN: &str = "t0ken.of-the_tests~1234";

const SECRET: &str = "s3cret+of/the \"tests\"~&1234";

#[test]
fn no_value_and_no_key_is_logged_at_any_level() {
    for settings in [HASH, EXCLUDE] {
        let mut registry = Registry::new(people_and_rejects());
        registry.sandbox.set("RUST_LOG", "trace");
        registry.run("").expect_status(65);
        let told = registry.run(settings).expect_status(65);
        for text in [told.stdout, told.stderr] {
            assert!(!text.contains(PLANTED) && !text.contains(KEY));
        }
    }
}

/// Answers by the path's name: none of them is a page, and each repeats what must not be told.
fn spoilt(asked: &Asked) -> Answer {
    let record = format!("{{\"id\":1,\"email\":\"{PLANTED}@example.org\"}}");
    let repeated = asked.headers.get("authorization").and_then(|value| value.to_str().ok());
    let repeated = repeated.unwrap_or_default();
    let problem =
        format!("{{\"title\":\"No: {repeated}\",\"errors\":{{\"header\":\"{repeated}\"}}}}");
    match asked.path.trim_start_matches('/') {
        "cut" => Answer::json(format!("[{record},{{\"id\":2,\"email\":\"{PLANTED}")),
        "spoilt" => Answer::json(format!("[{record},\"{PLANTED}\u{1}\",{PLANTED}]")),
        "object" | "total" => {
            Answer::json(format!("{{\"items\":[{record}],\"total\":[{record}]}}"))
        }
        "text" => Answer::json(format!("{{\"items\":[],\"total\":\"{PLANTED}\"}}")),
        "next" => Answer::json(format!("{{\"items\":[],\"next\":{record}}}")),
        "scalar" => Answer::json(format!("\"{PLANTED}\"")),
        "html" => Answer::json(format!("<html><title>{repeated}</title>{repeated}</html>")),
        "elsewhere" => Answer::status(302, problem)
            .with("location", format!("https://example.org/?{}", repeated.replace(' ', "+"))),
        "limited" => Answer::status(429, problem).with("retry-after", "1"),
        status => Answer::status(status.parse().unwrap_or(500), problem),
    }
}

fn expect_discreet(told: &str) {
    for secret in [TOKEN, "s3cret", KEY, PLANTED] {
        let near = told.lines().find(|line| line.contains(secret));
        assert!(near.is_none(), "`{secret}` is told: {near:?}");
    }
}

#[test]
fn no_error_tells_a_token_a_key_or_a_record() {
    let names = [
        "cut",
        "spoilt",
        "object",
        "total",
        "text",
        "next",
        "scalar",
        "html",
        "elsewhere",
        "s400",
        "s401",
        "s403",
        "s404",
        "s410",
        "s500",
        "s503",
    ];
    let api =
        Api::serve_all(
            |asked| {
                if asked.path == "/token" { token(TOKEN, 3600) } else { spoilt(asked) }
            },
        );
    let endpoints: Vec<String> = names
        .iter()
        .map(|name| {
            let path = name.trim_start_matches('s');
            let path = if path.parse::<u16>().is_ok() { path } else { name };
            let more = match *name {
                "total" | "text" => "records = \"items\"\ntotal = \"total\"",
                "next" => {
                    "records = \"items\"\npagination = { style = \"cursor\", param = \"c\", next = \"next\" }"
                }
                _ => "",
            };
            format!(
                "[[endpoint]]\nname = \"{name}\"\npath = \"/{path}\"\nkey = [\"id\"]\nhash = [\"email\"]\n{more}\n"
            )
        })
        .collect();
    for format in ["text", "json"] {
        let mut sandbox = Sandbox::with_api(&api.url(), &endpoints.join("\n"));
        sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "100ms");
        sandbox.set("RUST_LOG", "trace");
        sandbox.set("MAPIQ_HASH_KEY", KEY);
        sandbox.set("MAPIQ_CLIENT_SECRET", SECRET);
        let told = sandbox.run(&["--run-now", "--log-format", format]).expect_status(1);
        for name in names {
            assert!(told.stderr.contains(&format!("error: {name} failed: ")), "{}", told.stderr);
        }
        expect_discreet(&told.stdout);
        expect_discreet(&told.stderr);
        expect_discreet(&sandbox.lines("SELECT message FROM _sync_endpoint_runs").join("\n"));
    }
}

#[test]
fn no_refusal_of_the_token_endpoint_tells_the_secret() {
    let json = serde_json::Value::from(SECRET).to_string();
    let form = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>();
    for (status, body) in [
        (401, format!("{{\"error\":\"invalid_client\",\"error_description\":{json}}}")),
        (401, format!("{{\"error\":{json}}}")),
        (400, format!("{{\"title\":{json}}}")),
        (400, format!("client_secret={form}")),
        (400, format!("<html><title>{form}</title>")),
        (500, format!("{{\"message\":{json}}}")),
        (302, format!("client_secret={form}")),
        (200, format!("{{\"access_token\":{json},\"token_type\":\"Bearer\"}}")),
        (200, format!("client_secret={form}")),
        (429, format!("{{\"message\":{json}}}")),
        (503, format!("client_secret={form}")),
    ] {
        let api = Api::serve_all(move |_| {
            Answer::status(status, body.clone()).with("retry-after", "3600")
        });
        let endpoint = "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\n";
        let mut sandbox = Sandbox::with_api(&api.url(), endpoint);
        sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "100ms");
        sandbox.set("RUST_LOG", "trace");
        sandbox.set("MAPIQ_CLIENT_SECRET", SECRET);
        let told = sandbox.run(&["--run-now"]);
        assert_ne!(told.status, Some(0));
        expect_discreet(&told.stdout);
        expect_discreet(&told.stderr);
        let stored =
            "SELECT message FROM _sync_endpoint_runs UNION ALL SELECT reason FROM _sync_pauses";
        expect_discreet(&sandbox.lines(stored).join("\n"));
    }
}
