//! Where a listing goes on after any page, at any checkpoint. An input is the style's number, the checkpoint on the second
//! line (none: the start), and the body.

use http::{HeaderMap, HeaderValue, header::LINK};
use mapiq_sync::{
    api::{
        page::{self, Digest},
        pagination::{Request, Seen, State, Step, Style},
    },
    rows::FieldPath,
};
use url::Url;

/// A listing whose every page is the same ends within so many steps, read from its start.
const STEPS: usize = 40;

pub(crate) fn hold(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let (Some(style), Some(checkpoint), Some(body)) = (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let style = style.first().map_or(0, |digit| usize::from(digit.wrapping_sub(b'0')));
    let styles = styles();
    let Some(style) = styles.get(style) else { return };
    let mut state = match serde_json::from_slice::<State>(checkpoint) {
        Ok(state) => state,
        Err(_) if checkpoint.is_empty() => style.start(),
        Err(_) => return,
    };
    let path = |path: &str| path.parse::<FieldPath>().expect("it is a path");
    let page = match page::parse(body, Some(&path("items")), Some(&path("total")), style.next()) {
        Ok(page) => page,
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.chars().count() < 500 && !shown.contains(char::is_control), "{shown}");
            return;
        }
    };
    for record in &page.records {
        serde_json::from_str::<&serde_json::value::RawValue>(record.get())
            .expect("a record is JSON");
    }
    let base: Url = "https://api.example.com".parse().expect("it is a URL");
    let url = base.join("/v2/users?page=2").expect("it is a URL");
    let keys: Vec<Digest> =
        page.records.iter().map(|record| Digest::of(record.get().as_bytes())).collect();
    let mut headers = HeaderMap::new();
    headers.insert(LINK, HeaderValue::from_static("</v2/users?page=3>; rel=next"));
    let seen = Seen {
        records: page.records.len() as u64,
        total: page.total,
        next: page.next.as_deref(),
        digest: page.digest(),
        keys: &keys,
        reordered: false,
        url: &url,
        headers: &headers,
        base: &base,
    };
    for _ in 0..STEPS {
        if let Request::Url(url) = style.request(&state) {
            assert_eq!(
                state.is_of(&base),
                url.origin() == base.origin()
                    && url.username().is_empty()
                    && url.password().is_none()
            );
        }
        style.not_found(&state);
        let Ok(Step::Next(next)) = style.advance(&state, &seen) else { return };
        let stored = serde_json::to_string(&next).expect("a checkpoint is JSON");
        let read: State = serde_json::from_str(&stored).expect("a checkpoint can be read");
        assert_eq!(read, next, "{stored}");
        assert!(next.is_of(&base));
        state = next;
    }
    // A checkpoint of somebody else may count as far as it likes.
    assert!(!checkpoint.is_empty(), "the same page goes on and on: {state:?}");
}

fn styles() -> [Style; 6] {
    let next = || "next".parse::<FieldPath>().expect("it is a path");
    [
        Style::None,
        Style::Page { page_param: "page".into(), size: Some(("size".into(), 3)), first: 1 },
        Style::Offset { offset_param: "offset".into(), limit: None },
        Style::Cursor { param: "cursor".into(), next: next() },
        Style::NextUrl { next: next() },
        Style::Link,
    ]
}
