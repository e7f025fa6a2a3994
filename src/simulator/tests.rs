//! Through real HTTP.

use std::{collections::HashSet, net::Ipv4Addr, time::Duration};

use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;

/// A server on a free port and a client of it. The server ends with this.
struct Fixture {
    base: String,
    simulator: Simulator,
    client: reqwest::Client,
    stop: CancellationToken,
    server: JoinSet<std::io::Result<()>>,
}

impl Fixture {
    async fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        let simulator = Simulator::new(settings);
        server.spawn(simulator.clone().serve(listener, stop.clone().cancelled_owned()));

        // An error means that another test has installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .build()
            .expect("a client without TLS needs no files");
        Self { base, simulator, client, stop, server }
    }

    async fn ask_for_token(&self, secret: &str) -> Response {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "https://api.mapiq.com/public/.default"),
            ("client_id", "demo"),
            ("client_secret", secret),
        ];
        let request = self.client.post(format!("{}{TOKEN_PATH}", self.base)).form(&form);
        request.send().await.expect("the server answers")
    }

    async fn token(&self) -> String {
        let grant: Value = json(self.ask_for_token("demo").await).await;
        grant["access_token"].as_str().expect("a token").to_owned()
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(token);
        request.send().await.expect("the server answers")
    }

    async fn stats(&self) -> Value {
        json(self.get("/_stats", "").await).await
    }
}

async fn json(response: Response) -> Value {
    let body = response.bytes().await.expect("a whole body");
    serde_json::from_slice(&body).expect("a JSON body")
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().expect("items").clone()
}

fn unlimited() -> Settings {
    Settings { requests: 0, users: 1_007, reservations: 2_003, ..Settings::default() }
}

#[tokio::test]
async fn the_token_response_is_as_documented() {
    let fixture = Fixture::start(Settings::default()).await;

    let response = fixture.ask_for_token("demo").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let grant = json(response).await;
    assert_eq!(grant["token_type"], "Bearer");
    assert_eq!(grant["expires_in"], 3600);
    let epoch = |name: &str| grant[name].as_u64().expect("a number");
    assert_eq!(epoch("expires_on") - epoch("not_before"), 3600);
    assert!(epoch("not_before") > 1_700_000_000, "seconds since 1970");
    assert!(grant["resource"].is_string());
}

#[tokio::test]
async fn a_wrong_secret_is_an_invalid_client() {
    let fixture = Fixture::start(Settings::default()).await;

    let response = fixture.ask_for_token("wrong").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json(response).await["error"], "invalid_client");
    let stats = fixture.stats().await;
    assert_eq!(stats["token"], serde_json::json!({ "requests": 1, "issued": 0 }));
}

#[tokio::test]
async fn a_listing_takes_no_request_without_a_token_that_still_holds() {
    let settings = Settings { token_lifetime: Duration::ZERO, ..Settings::default() };
    let fixture = Fixture::start(settings).await;

    let expired = fixture.token().await;
    for token in [expired.as_str(), "eyJ.eyJ.x"] {
        let response = fixture.get("/v2/users", token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let body = json(response).await;
        assert_eq!((&body["statusCode"], body["message"].is_string()), (&401.into(), true));
    }
    assert_eq!(fixture.stats().await["endpoints"]["/v2/users"]["unauthorized"], 2);
}

#[tokio::test]
async fn pages_hold_every_record_exactly_once_and_cursors_the_same_ones() {
    let fixture = Fixture::start(unlimited()).await;
    let token = fixture.token().await;

    for (path, count) in [("/v2/users", 1_007), ("/v2/buildings", 12), ("/v2/reservations", 2_003)]
    {
        let mut by_page = Vec::new();
        for page in 1.. {
            let body =
                json(fixture.get(&format!("{path}?page={page}&pageSize=100"), &token).await).await;
            assert_eq!((&body["totalCount"], &body["page"]), (&count.into(), &page.into()));
            if items(&body).is_empty() {
                break;
            }
            by_page.extend(items(&body));
        }
        let ids: HashSet<_> = by_page.iter().map(|record| record["id"].to_string()).collect();
        assert_eq!((ids.len(), by_page.len()), (count, count));

        let mut by_cursor = Vec::new();
        let mut cursor = Some(String::new());
        while let Some(current) = cursor {
            let asked = format!("{path}?cursor={current}&pageSize=53");
            let body = json(fixture.get(&asked, &token).await).await;
            by_cursor.extend(items(&body));
            cursor = body["nextCursor"].as_str().map(str::to_owned);
        }
        assert_eq!(by_cursor, by_page);
    }
}

#[tokio::test]
async fn a_listing_by_cursor_ends_with_a_full_last_page() {
    let fixture = Fixture::start(Settings { buildings: 4, ..unlimited() }).await;
    let token = fixture.token().await;

    let first = json(fixture.get("/v2/buildings?style=cursor&pageSize=2", &token).await).await;
    let next = first["nextCursor"].as_str().expect("there is more");
    let last = fixture.get(&format!("/v2/buildings?cursor={next}&pageSize=2"), &token).await;
    let last = json(last).await;
    assert_eq!((items(&last).len(), &last["nextCursor"]), (2, &Value::Null));
}

#[tokio::test]
async fn a_page_is_capped_without_a_word() {
    let fixture = Fixture::start(Settings { max_page_size: 70, ..unlimited() }).await;
    let token = fixture.token().await;

    let body = json(fixture.get("/v2/users?pageSize=1000", &token).await).await;
    assert_eq!((items(&body).len(), &body["totalCount"]), (70, &1_007.into()));
}

#[tokio::test]
async fn a_bare_array_tells_its_total_and_the_next_page_beside_the_body() {
    let fixture = Fixture::start(Settings { style: Style::Link, ..unlimited() }).await;
    let token = fixture.token().await;

    let first = fixture.get("/v2/users?pageSize=500&q=%22", &token).await;
    assert_eq!(first.headers()["x-total-count"], "1007");
    let link = first.headers()["link"].to_str().expect("a URL is text").to_owned();
    let url = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let path = url.and_then(|url| url.strip_prefix(&fixture.base)).expect("an absolute URL");
    assert!(path.starts_with("/v2/users?pageSize=500&q=%22&cursor="), "{path}");
    let second = fixture.get(path, &token).await;
    assert!(second.headers().contains_key("link"));
    assert_eq!(json(second).await.as_array().map(Vec::len), Some(500));
}

#[tokio::test]
async fn a_next_url_is_relative_and_a_total_left_out_where_that_is_asked_for() {
    let settings = Settings {
        style: Style::NextUrl,
        next_url: NextUrl::Relative,
        totals: false,
        ..unlimited()
    };
    let fixture = Fixture::start(settings).await;

    let page = json(fixture.get("/v2/users", &fixture.token().await).await).await;
    assert!(page["nextUrl"].as_str().is_some_and(|url| url.starts_with("/v2/users?cursor=")));
    assert_eq!(page.get("totalCount"), None);
}

#[tokio::test]
async fn a_whole_listing_that_is_sent_piece_by_piece_is_one_array() {
    for (users, style) in [(0, Style::None), (500, Style::None), (1_007, Style::None)] {
        let fixture = Fixture::start(Settings { users, style, ..unlimited() }).await;
        let body = json(fixture.get("/v2/users", &fixture.token().await).await).await;
        assert_eq!(body.as_array().map(|users| users.len() as u64), Some(users));
    }
}

#[tokio::test]
async fn wrong_parameters_and_unknown_paths_get_problem_details() {
    let fixture = Fixture::start(unlimited()).await;
    let token = fixture.token().await;

    let wrong = fixture.get("/v2/users?page=0&pageSize=many", &token).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert_eq!(wrong.headers()["content-type"], "application/problem+json; charset=utf-8");
    let errors = &json(wrong).await["errors"];
    assert_eq!(errors["pageSize"][0], "The value 'many' is not valid.");
    assert!(errors["page"][0].is_string());

    let unknown = fixture.get("/v2/nothing", &token).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(unknown).await["status"], 404);
}

#[tokio::test]
async fn a_request_over_the_limit_gets_the_documented_429_and_other_paths_go_on() {
    // The window is longer than any test may take.
    let (requests, per) = (3, Duration::from_hours(1));
    let fixture = Fixture::start(Settings { requests, per, ..Settings::default() }).await;
    let token = fixture.token().await;

    for _ in 0..requests {
        assert_eq!(fixture.get("/v2/users?pageSize=1", &token).await.status(), StatusCode::OK);
    }
    let refused = fixture.get("/v2/users?pageSize=1", &token).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("date"));
    let retry_after = refused.headers()["retry-after"].to_str().expect("digits").to_owned();
    let body = refused.text().await.expect("a whole body");
    assert_eq!(
        body,
        format!(
            r#"{{"statusCode": 429, "message": "Rate limit is exceeded. Try again in {retry_after} seconds."}}"#
        )
    );
    let seconds: u64 = retry_after.parse().expect("whole seconds");
    assert!((1..=3600).contains(&seconds));
    assert_eq!(fixture.get("/v2/buildings", &token).await.status(), StatusCode::OK);

    assert_eq!(
        fixture.stats().await["endpoints"]["/v2/users"],
        serde_json::json!({
            "requests": 4, "limited": 1, "overLimit": 1, "failed": 0, "unauthorized": 0, "invalid": 0, "pages": 3,
            "busiestWindow": 4,
        })
    );
}

#[tokio::test]
async fn without_the_header_only_the_message_tells_the_wait() {
    let (requests, per) = (1, Duration::from_hours(1));
    let settings = Settings { requests, per, retry_after_header: false, ..Settings::default() };
    let fixture = Fixture::start(settings).await;

    // A request with a bad token takes a place in the window, too.
    assert_eq!(fixture.get("/v2/users", "none").await.status(), StatusCode::UNAUTHORIZED);
    let refused = fixture.get("/v2/users", "none").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(!refused.headers().contains_key("retry-after"));
    let message = json(refused).await["message"].to_string();
    assert!(message.contains("Try again in 3600 seconds."), "{message}");
}

#[tokio::test]
async fn the_server_ends_when_it_is_told_to() {
    let mut fixture = Fixture::start(Settings::default()).await;
    fixture.stats().await;

    fixture.stop.cancel();
    let ended = fixture.server.join_next().await.expect("there is a server");
    ended.expect("it did not panic").expect("it ended well");
}

#[tokio::test]
async fn a_handle_tells_what_the_server_has_met_and_puts_its_time_forward() {
    let faults =
        ["/v2/users=429", "/v2/users=503,times=2"].map(|fault| fault.parse().expect("a fault"));
    let (requests, per) = (4, Duration::from_hours(1));
    let settings =
        Settings { users: 70, requests, per, faults: faults.into(), ..Settings::default() };
    let fixture = Fixture::start(settings).await;
    let token = fixture.token().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(fixture.get("/v2/users", &token).await.status().as_u16());
    }
    assert_eq!(statuses, [429, 503, 503, 200, 429]);

    let simulator = &fixture.simulator;
    let counts = Counts {
        requests: 5,
        limited: 2,
        over_limit: 1,
        failed: 2,
        pages: 1,
        busiest_window: 5,
        ..Counts::default()
    };
    assert_eq!(simulator.counts("/v2/users"), Some(counts));
    assert_eq!(simulator.counts("/v2/buildings"), Some(Counts::default()));
    assert_eq!((simulator.counts("/v2/nothing"), simulator.records("/v2/nothing")), (None, None));

    assert_eq!(simulator.records("/v2/users"), Some(70));
    simulator.advance(Duration::from_hours(24 * 365));
    assert!(simulator.records("/v2/users") > Some(70), "people join");
}
