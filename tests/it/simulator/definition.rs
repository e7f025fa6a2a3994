//! Every answer has the form that the published definition promises for its status.

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{Received, Simulator};

const LISTINGS: [&str; 6] = [
    "/v2/users",
    "/v2/buildings",
    "/v2/reservations",
    "/v2/check-ins",
    "/v2/parking-lots",
    "/v2/parking-reservations",
];

/// Data of which every listing has several pages.
const SMALL: [&str; 8] =
    ["--users", "23", "--buildings", "5", "--reservations", "41", "--parking-reservations", "13"];

/// The definition that a simulator publishes.
pub(super) struct Definition(Value);

impl Definition {
    pub(super) fn of(simulator: &Simulator) -> Self {
        Self(simulator.get("/openapi.json", "").json())
    }

    /// Fails the test where an answer is not as promised for the operation.
    #[track_caller]
    pub(super) fn check(&self, path: &str, method: &str, received: &Received) {
        let responses = &self.0["paths"][path][method]["responses"];
        let status = received.status.to_string();
        let class = format!("{}XX", received.status / 100);
        let response =
            [&responses[&status], &responses[&class]].into_iter().find(|it| !it.is_null());
        let response = response.unwrap_or_else(|| panic!("{path} promises no {status}"));
        self.check_response(response, received);
    }

    #[track_caller]
    fn check_response(&self, response: &Value, received: &Received) {
        let response = match response["$ref"].as_str().and_then(|it| it.strip_prefix('#')) {
            Some(pointer) => self.0.pointer(pointer).expect("the reference leads somewhere"),
            None => response,
        };
        let content_type = received.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        let schema = &response["content"][media_type]["schema"];
        assert!(schema.is_object(), "{media_type} is not promised: {response}");
        let body = received.json();
        let errors: Vec<String> =
            self.validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{schema}\n{body:#}");
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("a definition's schemas are valid")
    }
}

/// The query of the page after this one; nothing after the last.
fn next(style: &str, received: &Received, asked: usize) -> Option<String> {
    let body = received.json();
    let of_url = |url: &str| url.split_once('?').map(|(_, query)| query.to_owned());
    match style {
        "page" | "offset" if received.items().is_empty() => None,
        "page" => Some(format!("page={}&pageSize=4", asked + 1)),
        "offset" => Some(format!("offset={}&limit=4", asked * 4)),
        "cursor" => body["nextCursor"].as_str().map(|cursor| format!("cursor={cursor}&pageSize=4")),
        "next-url" => body["nextUrl"].as_str().and_then(of_url),
        "link" => received
            .header("link")
            .and_then(|link| of_url(link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?)),
        _ => None,
    }
}

#[test]
fn every_listing_of_every_style_is_as_its_definition_promises_and_holds_the_same_records() {
    let mut of_first_style = Vec::new();
    for style in ["page", "offset", "cursor", "next-url", "link", "none"] {
        let time = ["--now", "2026-06-30", "--style", style];
        let simulator = Simulator::start(&[&SMALL[..], &time].concat());
        simulator.post("/_simulator/time", &json!({ "advance": "60h" }));
        let (definition, token) = (Definition::of(&simulator), simulator.token());

        let mut of_style = Vec::new();
        for path in LISTINGS {
            let mut records = Vec::new();
            let mut query = Some("pageSize=4&limit=4".to_owned());
            let mut pages = 0;
            while let Some(asked) = query {
                let received = simulator.get(&format!("{path}?{asked}"), &token);
                assert_eq!(received.status, 200, "{}", received.text());
                definition.check(path, "get", &received);
                let body = received.json();
                let page = body["items"].as_array().or_else(|| body.as_array());
                records.extend(page.expect("an array of records").iter().cloned());
                pages += 1;
                query = next(style, &received, pages);
            }
            assert_eq!(pages == 1, style == "none", "{path} in the style {style}");
            of_style.push(records);
        }
        if of_first_style.is_empty() {
            of_first_style = of_style;
        } else {
            assert!(of_style == of_first_style, "{style}");
        }
    }
    let counts = of_first_style.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!((counts[0], counts[1], counts[4]), (23, 5, 5));
    assert!(counts.iter().all(|count| *count > 4), "{counts:?}");
}

#[test]
fn a_server_that_takes_any_style_promises_all_of_them() {
    let simulator = Simulator::start(&SMALL);
    let (definition, token) = (Definition::of(&simulator), simulator.token());
    for style in ["any", "page", "offset", "cursor", "next-url", "link", "none"] {
        let received = simulator.get(&format!("/v2/users?style={style}&pageSize=3"), &token);
        definition.check("/v2/users", "get", &received);
    }
}

#[test]
fn every_refusal_is_as_the_definition_promises() {
    let simulator = Simulator::start(&["--max-window", "7", "--forbid", "/v2/parking-lots"]);
    let (definition, token) = (Definition::of(&simulator), simulator.token());
    let told = ["both", "header", "date", "past", "message", "zero", "nonsense", "silent"];
    let limited = told.map(|told| (format!("429,told={told}"), 429));
    let failing = [("500", 500), ("502", 502), ("503", 503), ("503,told=date", 503)];
    let faults = [("quota", 403), ("forbidden", 403), ("401", 401)];
    let faults =
        failing.iter().chain(&faults).map(|(fault, status)| ((*fault).to_owned(), *status));
    for (fault, status) in faults.chain(limited) {
        for path in LISTINGS {
            simulator.fault(&format!("{path}={fault}"));
            let received = simulator.get(path, &token);
            assert_eq!(received.status, status, "{fault}");
            definition.check(path, "get", &received);
        }
    }

    let token = simulator.token();
    for (path, status) in [
        ("/v2/users?page=0", 400),
        ("/v2/users?cursor=nonsense&style=cursor", 400),
        ("/v2/reservations?startDate=yesterday", 400),
        ("/v2/reservations?startDate=2026-06-01&endDate=2026-06-08", 400),
        ("/v2/parking-lots", 403),
    ] {
        let received = simulator.get(path, &token);
        assert_eq!(received.status, status, "{path}");
        definition.check(path.split('?').next().unwrap_or_default(), "get", &received);
    }
    let not_found = simulator.get("/v2/nothing", &token);
    assert_eq!(not_found.status, 404);
    definition.check_response(&definition.0["components"]["responses"]["NotFound"], &not_found);
    assert_eq!(simulator.ask("DELETE", "/v2/users", "", "").status, 405);
}

#[test]
fn every_answer_of_the_token_endpoint_is_as_the_definition_promises() {
    let as_text = Simulator::start(&["--token-numbers-as-strings"]);
    let definition = Definition::of(&as_text);
    let received = as_text.ask_for_token("demo");
    definition.check("/oauth2/token", "post", &received);
    assert_eq!(received.json()["expires_in"], "3600");

    let simulator = Simulator::start(&[]);
    definition.check("/oauth2/token", "post", &simulator.ask_for_token("demo"));
    for (fault, status) in [
        ("invalid-client", 401),
        ("429", 429),
        ("quota", 403),
        ("500", 500),
        ("503,told=header", 503),
    ] {
        simulator.fault(&format!("/oauth2/token={fault}"));
        let received = simulator.ask_for_token("demo");
        assert_eq!(received.status, status, "{fault}");
        definition.check("/oauth2/token", "post", &received);
    }
    for (received, status) in [
        (simulator.ask_for_token("wrong"), 401),
        (simulator.ask("POST", "/oauth2/token", "", ""), 400),
    ] {
        assert_eq!(received.status, status);
        definition.check("/oauth2/token", "post", &received);
    }
}

#[test]
fn a_definition_refuses_what_it_does_not_promise() {
    let simulator = Simulator::start(&["--style", "page", "--users", "1"]);
    let definition = Definition::of(&simulator);
    let page = simulator.get("/v2/users", &simulator.token()).json();
    let validator = definition.validator(&json!({ "$ref": "#/components/schemas/UserPage" }));
    assert!(validator.is_valid(&page));
    for (pointer, wrong) in [
        ("/items/0/id", json!("not-a-guid")),
        ("/items/0/createdAt", json!("2026-06-30T12:00:00")),
        ("/items/0/email", json!("nobody")),
        ("/items/0/active", json!("yes")),
        ("/page", json!(0)),
    ] {
        let mut broken = page.clone();
        *broken.pointer_mut(pointer).expect("the page has it") = wrong;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
    let mut more = page.clone();
    more["items"][0]["nickname"] = json!("x");
    assert!(!validator.is_valid(&more), "a field that is not promised");
    let mut less = page;
    less["items"][0].as_object_mut().expect("a user").remove("department");
    assert!(!validator.is_valid(&less), "a field that is missing");
}
