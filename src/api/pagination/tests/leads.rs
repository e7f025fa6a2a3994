//! Where a cursor or a next URL leads, and where it may not.

use http::{HeaderValue, header::LINK};

use super::*;

/// What follows a first page whose body names `next`.
fn after(style: &Style, named: &str) -> Result<Step, ListingError> {
    style.advance(&style.start(), &seen(1, None, Some(named), ""))
}

/// The URL asked for after a first page that names `next` in its body, and the same in its header.
fn leads_to(named: &str, here: &Url, base: &Url) -> Result<String, ListingError> {
    let link = HeaderValue::from_str(&format!("<{named}>; rel=next")).expect("it is legal");
    let headers = HeaderMap::from_iter([(LINK, link)]);
    let [in_body, in_header] = [next_url_style(), Style::Link].map(|style| {
        let next = Some(named).filter(|_| style != Style::Link);
        let seen = Seen { next, url: here, headers: &headers, base, ..seen(1, None, None, "") };
        match style.advance(&style.start(), &seen)? {
            Step::Next(state) => match style.request(&state) {
                Request::Url(url) => Ok(url.into()),
                Request::Params(params) => panic!("{params:?} are asked with"),
            },
            Step::End(_) => Ok("the end".into()),
        }
    });
    assert_eq!(in_body, in_header, "{named}");
    in_body
}

#[test]
fn a_next_url_is_relative_to_the_page_it_came_on() {
    let here = url("https://api.example/v2/users?page=1#top");
    for (named, to) in [
        ("https://api.example/v2/users?page=2", "https://api.example/v2/users?page=2"),
        ("HTTPS://API.example:443/v2/users?page=2", "https://api.example/v2/users?page=2"),
        ("//api.example/v3/users", "https://api.example/v3/users"),
        ("/v3/users?after=%2Fx", "https://api.example/v3/users?after=%2Fx"),
        ("people?page=2", "https://api.example/v2/people?page=2"),
        ("../v3/users", "https://api.example/v3/users"),
        ("?page=2", "https://api.example/v2/users?page=2"),
        ("?page=2#rows", "https://api.example/v2/users?page=2"),
        ("#rows", "https://api.example/v2/users?page=1"),
        ("", "the end"),
    ] {
        assert_eq!(leads_to(named, &here, &here).as_deref(), Ok(to), "{named}");
    }
}

#[test]
fn a_next_url_is_held_to_the_origin_of_the_base_url() {
    let base = url("https://api.example/gateway");
    for (named, to) in [
        ("http://api.example/v2/users", "http://api.example"),
        ("https://api.example:8443/v2/users", "https://api.example:8443"),
        ("//elsewhere.example/v2/users", "https://elsewhere.example"),
        ("https://api.example.evil.example/", "https://api.example.evil.example"),
        ("\\\\elsewhere.example\\v2", "https://elsewhere.example"),
        ("mailto:someone@api.example", "mailto:"),
    ] {
        let (to, base_origin) = (to.into(), "https://api.example".into());
        let error = ListingError::NextElsewhere { to, base: base_origin };
        assert!(!error.starts_over(), "the place is of use once the origin is right");
        assert_eq!(leads_to(named, &HERE, &base), Err(error), "{named}");
    }
    let told = leads_to("http://u:hunter2@api.example/x?q", &HERE, &base).expect_err("elsewhere");
    assert!(!told.to_string().contains("hunter2"), "{told}");
    for named in ["https://user@api.example/x", "https://u:hunter2@api.example/x"] {
        let to = "https://api.example".into();
        assert_eq!(leads_to(named, &HERE, &base), Err(ListingError::NextWithCredentials { to }));
    }
    let error = leads_to("https://[::1", &HERE, &base).expect_err("that is no URL");
    assert!(matches!(error, ListingError::NextUnreadable { .. }), "{error:?}");
}

#[test]
fn a_stored_next_url_is_of_the_present_origin_or_of_no_use() {
    for style in [next_url_style(), Style::Link] {
        assert!(style.start().is_of(&url("https://moved.example/")));
    }
    let state = next(after(&next_url_style(), "?page=2"));
    let text = serde_json::to_string(&state).expect("a state is JSON");
    let state: State = serde_json::from_str(&text).expect("a state reads its own text");
    assert!(state.is_of(&url("https://api.example/gateway")));
    for base in ["https://moved.example/", "http://api.example/", "https://api.example:444/"] {
        assert!(!state.is_of(&url(base)), "{base}");
    }
    for (from, to) in [("https://", "https://user@"), ("https://", "file://")] {
        let spoilt: State = serde_json::from_str(&text.replacen(from, to, 1)).expect("a URL");
        assert!(!spoilt.is_of(&HERE), "{to}");
    }
    assert!(serde_json::from_str::<State>(&text.replacen("https://", "", 1)).is_err());
}

#[test]
fn what_was_named_before_is_an_error() {
    for style in [cursor_style(), next_url_style()] {
        let mut state = style.start();
        for (named, repeats) in [("a", false), ("b", false), ("c", false), ("a", true), ("c", true)]
        {
            match style.advance(&state, &seen(1, None, Some(named), "")) {
                Ok(Step::Next(next)) if !repeats => state = next,
                Err(error) if repeats => assert!(error.starts_over(), "{error:?}"),
                other => panic!("{named}: {other:?}"),
            }
        }
    }
    let state = next(after(&next_url_style(), "?page=2#a"));
    let again = next_url_style().advance(&state, &seen(1, None, Some("?page=2#b"), ""));
    let url = "https://api.example/v2/users".into();
    assert_eq!(again, Err(ListingError::UrlRepeats { url }));
}

#[test]
fn an_empty_cursor_or_url_is_none() {
    let end = ended(1, None);
    for style in [cursor_style(), next_url_style()] {
        assert_eq!(after(&style, ""), Ok(Step::End(end)));
    }
}

#[test]
fn a_checkpoint_does_not_grow_with_what_a_server_names() {
    let limit = 8 * 1024;
    let too_long = |bytes| Err(ListingError::NextTooLong { bytes, limit });
    assert!(after(&cursor_style(), &"x".repeat(limit)).is_ok());
    assert_eq!(after(&cursor_style(), &"x".repeat(limit + 1)), too_long(limit + 1));
    let around = "https://api.example/v2/".len();
    assert!(after(&next_url_style(), &"x".repeat(limit - around)).is_ok());
    assert_eq!(after(&next_url_style(), &"x".repeat(limit - around + 1)), too_long(limit + 1));
    let encoded = after(&next_url_style(), &"ä".repeat(limit / 4));
    assert_eq!(encoded, too_long(around + 6 * limit / 4), "two bytes are six once encoded");
}

#[test]
fn a_link_header_that_cannot_be_read_is_not_the_end() {
    let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static("/v2?page=2; rel=next"))]);
    let seen = Seen { headers: &headers, ..seen(1, None, None, "") };
    let error = Style::Link.advance(&Style::Link.start(), &seen).expect_err("it is malformed");
    assert!(matches!(error, ListingError::LinkMalformed { .. }), "{error:?}");
    assert!(!error.starts_over());
}
