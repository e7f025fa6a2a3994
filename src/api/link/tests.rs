use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn here() -> Url {
    "https://api.example/v2/users?page=1".parse().expect("the test's URL is valid")
}

fn read(lines: &[&[u8]]) -> Result<Option<String>, Malformed> {
    let line = |line: &&[u8]| (LINK, HeaderValue::from_bytes(line).expect("it is legal"));
    next(&lines.iter().map(line).collect(), &here())
}

#[track_caller]
fn expect(lines: &[&str], target: Option<&str>) {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    assert_eq!(read(&lines).as_ref().map(Option::as_deref), Ok(target));
}

#[test]
fn the_next_link_is_found_among_others() {
    expect(&[], None);
    expect(&[""], None);
    expect(&["</a>; rel=prev"], None);
    expect(&["</a>; rel=next"], Some("/a"));
    expect(&["</a>; rel=\"next\""], Some("/a"));
    expect(&["</a>;rel=prev,</b>;rel=next,</c>;rel=last"], Some("/b"));
    expect(&["</a>; rel=prev", "</b>; rel=next"], Some("/b"));
    expect(&["</a>; rel=next", "</b>; rel=next"], Some("/a"));
    expect(&["<https://api.example/v2?a=1,2;b>; rel=next"], Some("https://api.example/v2?a=1,2;b"));
    expect(&["<>; rel=next"], Some(""));
}

#[test]
fn a_relation_is_one_word_of_several_in_any_letter_case() {
    expect(&["</a>; REL=\"prev Next  last\""], Some("/a"));
    expect(&["</a>; rel=\"nextpage https://example.com/next\""], None);
    expect(&["</a>; rel=next-archive, </b>; rel=NEXT"], Some("/b"));
    expect(&["</a>; rev=next"], None);
    expect(&["</a>; rel*=UTF-8''next"], None);
    expect(&["</a>; rel"], None);
    expect(&["</a>; rel=prev; rel=next"], None);
    expect(&["</a>; rel=next; rel=prev"], Some("/a"));
}

#[test]
fn commas_and_semicolons_within_quotes_part_nothing() {
    expect(&[r#"</a>; title="x, </b>; rel=next"; rel=prev, </c>; rel=next"#], Some("/c"));
    expect(&[r#"</a>; title="x \" , </b>; rel=prev"; rel=next"#], Some("/a"));
    expect(&[r#"</a>; rel="\n\e\x\t""#], Some("/a"));
}

#[test]
fn white_space_and_empty_parts_do_not_matter() {
    expect(&[" \t,, </a> ;; \trel \t= \"next\" ; , ,"], Some("/a"));
    expect(&["</a>;rel=next;"], Some("/a"));
    expect(&["</a>; crossorigin; rel=next"], Some("/a"));
    expect(&["</a>; type=text/html; rel=next"], Some("/a"));
}

#[test]
fn a_link_of_something_else_is_none_of_the_page() {
    expect(&["</a>; rel=next; anchor=\"/v2/rooms\""], None);
    expect(&["</a>; rel=next; anchor=\"#chapter\", </b>; rel=next"], Some("/b"));
    expect(&["</a>; rel=next; anchor=\"https://[\""], None);
    expect(&["</a>; rel=next; anchor=\"\""], Some("/a"));
    expect(&["</a>; Anchor=\"users?page=1\"; rel=next; anchor=\"/x\""], Some("/a"));
}

#[test]
fn what_is_no_list_of_links_is_told_with_its_place() {
    for (line, told) in [
        ("https://api.example; rel=next", "a link in `<…>` is wanted at byte 0"),
        ("</a>; rel=prev, /b; rel=next", "a link in `<…>` is wanted at byte 16"),
        ("</a; rel=next", "the `>` of a link is wanted at byte 13"),
        ("</a> rel=next", "a `;` or a `,` after a link or a parameter is wanted at byte 5"),
        ("</a>; rel=prev next", "a `;` or a `,` after a link or a parameter is wanted at byte 15"),
        ("</a>; =next", "the name of a parameter is wanted at byte 6"),
        ("</a>; title=\"x; rel=next", "the closing quote of a parameter is wanted at byte 24"),
        ("</a>; title=\"x\\", "the closing quote of a parameter is wanted at byte 15"),
    ] {
        let error = read(&[line.as_bytes()]).expect_err(line);
        assert_eq!(error.to_string(), told, "{line}");
    }
    assert!(read(&[b"</\xff>; rel=next"]).is_err());
    assert_eq!(read(&[b"</a>; title=\"\xff\"; rel=next"]), Ok(Some("/a".into())));
}

/// A quoted string that stands for any text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let found = next(&HeaderMap::from_iter([(LINK, value)]), &here());
            // It is shown without a panic too.
            drop(format!("{found:?}"));
        }
    }

    #[test]
    fn no_text_of_the_grammar_is_too_much(text in r#"[<>;,=" \\a/]{0,40}|(<[a-z/]{0,3}>[;, ]{0,3}(rel="?next"?)?[,; ]{0,2}){0,4}"#) {
        let value = HeaderValue::from_str(&text).expect("it is legal");
        drop(format!("{:?}", next(&HeaderMap::from_iter([(LINK, value)]), &here())));
    }

    #[test]
    fn the_links_that_are_written_are_read(
        links in proptest::collection::vec(("[a-z/?&=,;]{0,8}", "[ -~]{0,8}", any::<bool>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let written: Vec<String> = links
            .iter()
            .map(|(target, title, is_next)| {
                let rel = if *is_next { "last next" } else { "prev" };
                format!("<{target}>; title={}; rel={}", quoted(title), quoted(rel))
            })
            .collect();
        let cut = cut.index(written.len() + 1);
        let lines = [written[..cut].join(", "), written[cut..].join(",")];
        let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
        let wanted = links.iter().find(|(.., is_next)| *is_next).map(|(target, ..)| target.clone());
        prop_assert_eq!(read(&lines), Ok(wanted));
    }
}
