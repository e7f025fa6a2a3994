use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "s3cret";

fn answer(status: u16, headers: &[(header::HeaderName, &'static str)], body: &str) -> Response {
    Response {
        url: "https://login.example/token".parse().expect("the test's URL is valid"),
        status: StatusCode::from_u16(status).expect("the test's status is valid"),
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn read_answer(response: &Response) -> Result<(SecretString, Duration), TokenError> {
    let url = "https://login.example/token".parse().expect("the test's URL is valid");
    read(response, &url, SECRET)
}

fn life_of(members: &str) -> Duration {
    let date = [(header::DATE, "Tue, 14 Nov 2023 22:13:20 GMT")]; // 1700000000
    let body = format!(r#"{{"token_type":"Bearer","access_token":"t"{members}}}"#);
    read_answer(&answer(200, &date, &body)).expect("it is a token").1
}

fn error(status: u16, body: &str) -> TokenError {
    read_answer(&answer(status, &[], body)).expect_err("it is no token")
}

#[test]
fn numbers_may_be_texts() {
    let text = r#"{"token_type":"bearer","expires_in":"3599","not_before":"1700000000","expires_on":"1700003599","resource":"r","access_token":"a.b-c"}"#;
    let (token, life) = read_answer(&answer(200, &[], text)).expect("it is a token");
    assert_eq!(token.expose_secret(), "a.b-c");
    assert_eq!(life, Duration::from_secs(3599));
    assert_eq!(life_of(r#","expires_in":3599"#), Duration::from_secs(3599));
    assert_eq!(life_of(r#","expires_in":3599.5"#), Duration::from_secs(3599));
}

#[test]
fn the_life_is_told_by_expires_in_else_by_the_servers_clock_else_short() {
    assert_eq!(life_of(r#","expires_in":60,"expires_on":1700009999"#), Duration::from_mins(1));
    assert_eq!(life_of(r#","expires_on":"1700000900""#), Duration::from_mins(15));
    assert_eq!(life_of(r#","expires_on":1600000000"#), Duration::ZERO);
    assert_eq!(life_of(""), Duration::from_mins(5));
    assert_eq!(life_of(r#","expires_in":"soon""#), Duration::from_mins(5));
    assert_eq!(life_of(r#","expires_in":-5"#), Duration::ZERO);
    assert_eq!(life_of(r#","expires_in":99999999999999999999999"#), MAX_LIFE);
}

#[test]
fn an_answer_without_a_usable_token_is_not_asked_for_again() {
    let long = format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, "x".repeat(65_537));
    for (body, told) in [
        (r#"{"token_type":"Bearer"}"#, "access_token is missing"),
        (r#"{"access_token":7,"token_type":"Bearer"}"#, "not a text"),
        (r#"{"access_token":"","token_type":"Bearer"}"#, "characters"),
        (r#"{"access_token":"a\r\nb: c","token_type":"Bearer"}"#, "characters"),
        (r#"{"access_token":"t"}"#, "token_type is not Bearer"),
        (r#"{"access_token":"t","token_type":"mac"}"#, "token_type is not Bearer"),
        (long.as_str(), "longer than 64 KiB"),
        ("[]", "not an object"),
    ] {
        let error = error(200, body);
        assert!(matches!(error, TokenError::BadAnswer(_)) && !error.retry(), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn an_answer_that_is_not_json_is_asked_for_again() {
    for body in ["<html>", "", "{\"access_token\":\"t0ken"] {
        let error = error(200, body);
        assert!(matches!(error, TokenError::NotJson) && error.retry(), "{error:?}");
    }
}

#[test]
fn errors_are_told_apart_by_their_code() {
    let by_code = |code: &str| error(400, &format!(r#"{{"error":"{code}"}}"#));
    for code in ["invalid_client", "unauthorized_client", "access_denied"] {
        assert!(matches!(by_code(code), TokenError::Refused(_)), "{code}");
    }
    for code in ["temporarily_unavailable", "server_error"] {
        assert!(matches!(by_code(code), TokenError::Unavailable(_)), "{code}");
        assert!(by_code(code).retry());
    }
    for (code, key) in [
        ("invalid_scope", "api.scope"),
        ("invalid_request", "api.token_url and api.scope"),
        ("unsupported_grant_type", "api.token_url and api.scope"),
        ("anything", "api.token_url and api.scope"),
    ] {
        let error = by_code(code);
        assert!(matches!(error, TokenError::Rejected { .. }) && !error.retry(), "{code}");
        let told = format!("refuses the request: {code} (HTTP 400); look at {key}");
        assert!(error.to_string().ends_with(&told), "{error}");
    }
}

#[test]
fn errors_without_a_code_are_told_apart_by_their_status() {
    assert!(matches!(error(401, "no"), TokenError::Refused(_)));
    assert!(matches!(error(404, "<html>"), TokenError::Rejected { look_at: "api.token_url", .. }));
    assert!(matches!(error(302, ""), TokenError::Rejected { look_at: "api.token_url", .. }));
    assert!(matches!(error(403, ""), TokenError::Rejected { .. }));
    assert!(matches!(error(502, "<html>"), TokenError::Unavailable(_)));
    assert!(matches!(error(503, ""), TokenError::Unavailable(_)));
}

#[test]
fn a_limit_of_the_token_endpoint_keeps_what_it_says_of_its_end() {
    let body = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 9 seconds."}"#;
    let limited = read_answer(&answer(429, &[(header::RETRY_AFTER, "9")], body));
    let Err(TokenError::Limited(limited)) = limited else { panic!("{limited:?}") };
    assert_eq!(limited.retry_after.as_deref(), Some("9"));
    assert_eq!(limited.message, "Rate limit is exceeded. Try again in 9 seconds.");
    let with_header = answer(503, &[(header::RETRY_AFTER, "9")], "");
    assert!(matches!(read_answer(&with_header), Err(TokenError::Limited(_))));
}

#[test]
fn a_description_is_bounded_and_repeats_no_secret() {
    let long = "x".repeat(5000);
    let body = format!(r#"{{"error":"invalid_client","error_description":"{SECRET} a\n{long}"}}"#);
    let told = error(401, &body).to_string();
    assert!(told.contains("invalid_client: … a xxx") && !told.contains(SECRET), "{told}");
    assert!(told.chars().count() < 400, "{told}");
}
