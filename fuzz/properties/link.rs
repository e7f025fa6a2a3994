//! Which page a `Link` header names as the next. An input is the header's lines.

use http::{HeaderMap, HeaderValue, header::LINK};
use mapiq_sync::api::{
    page::Digest,
    pagination::{Request, Seen, Step, Style},
};
use url::Url;

pub(crate) fn hold(input: &[u8]) {
    let lines: Option<Vec<HeaderValue>> =
        input.split(|byte| *byte == b'\n').map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let Some(lines) = lines else { return };
    let Some(next) = next(&lines).unwrap_or_default() else { return };
    assert_eq!(next.origin(), base().origin());
    assert_eq!(next.fragment(), None);
    assert!(next.username().is_empty() && next.password().is_none());

    // However the same link is written, it names the same page.
    let written = [
        format!("<{next}>; rel=next"),
        format!("<{next}>;title=\"a, <b>; c\"; REL = \"prev  NEXT\" ; rel=\"last\","),
        format!(", <https://api.example.com/other>; rel=\"prev\" , <{next}>;rel=\"\\next\""),
    ];
    for header in written {
        let header = HeaderValue::from_str(&header).expect("a URL is ASCII");
        assert_eq!(self::next(&[header]), Ok(Some(next.clone())));
    }
    let (first, second) = (HeaderValue::from_static("<x>;rel=prev"), format!("<{next}>;rel=next"));
    let second = HeaderValue::from_str(&second).expect("a URL is ASCII");
    assert_eq!(self::next(&[first, second]), Ok(Some(next)));
}

fn base() -> Url {
    "https://api.example.com".parse().expect("it is a URL")
}

/// The URL that would be asked next; the error is one that is shown.
fn next(lines: &[HeaderValue]) -> Result<Option<Url>, String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(LINK, line.clone());
    }
    let seen = Seen {
        records: 2,
        total: None,
        next: None,
        digest: Digest::of(b"a page"),
        keys: &[],
        reordered: false,
        url: &"https://api.example.com/v2/users?page=2#top".parse().expect("it is a URL"),
        headers: &headers,
        base: &base(),
    };
    let style = Style::Link;
    match style.advance(&style.start(), &seen) {
        Ok(Step::Next(state)) => match style.request(&state) {
            Request::Url(url) => Ok(Some(url)),
            Request::Params(_) => panic!("a listing by links asks for URLs"),
        },
        Ok(Step::End(_)) => Ok(None),
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains('\n'), "{shown}");
            Err(shown)
        }
    }
}
