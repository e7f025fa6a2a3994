use super::*;

fn path(text: &str) -> FieldPath {
    text.parse().expect("the test's path is valid")
}

fn error(body: &[u8], records: Option<&str>) -> PageError {
    parse(body, records.map(path).as_ref(), None, None).expect_err("the body is no page")
}

#[test]
fn the_body_is_the_array_where_no_path_is_set() {
    let page = parse(b" [ {\"id\": 1.00} , 2 ] ", None, None, None).expect("it is an array");
    let records: Vec<_> = page.records.iter().map(|record| record.get()).collect();
    assert_eq!(records, [r#"{"id": 1.00}"#, "2"]);
    assert_eq!((page.total, page.next), (None, None));
}

#[test]
fn records_total_and_next_are_found_at_their_paths() {
    let body = br#"{"data":{"results":[{}]},"paging":{"total":"12"},"@odata.nextLink":"https://x/\u00e4"}"#;
    let page = parse(
        body,
        Some(&path("data.results")),
        Some(&path("paging.total")),
        Some(&path("@odata.nextLink")),
    )
    .expect("it is a page");
    assert_eq!(page.records.len(), 1);
    assert_eq!(page.total, Some(12));
    assert_eq!(page.next.as_deref(), Some("https://x/ä"));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(parse("\u{feff}[]".as_bytes(), None, None, None).is_ok());
}

#[test]
fn a_body_that_is_not_json_is_worth_another_try_and_shows_its_beginning() {
    for (body, told) in [
        (
            "<!DOCTYPE html>\n<html>",
            "the response is not JSON, does a proxy or a sign-in page answer instead of the API? It begins with `<!DOCTYPE html> <html>`",
        ),
        ("\r\n", "the response is empty"),
    ] {
        let error = error(body.as_bytes(), None);
        assert!(error.retry(), "{error}");
        assert_eq!(error.to_string(), told);
    }
    assert!(error(b"[\"\xff\"]", None).retry());
    assert!(error(b"[] []", None).retry());
}

#[test]
fn of_a_page_that_was_cut_nothing_is_shown() {
    let error = error(br#" [{"email":"someone@example.com"},{"em"#, None);
    assert!(error.retry());
    assert_eq!(error.to_string(), "the response is not whole, valid JSON, after 38 bytes");
}

#[test]
fn a_wrong_shape_is_told_with_the_setting_to_look_at() {
    let told = |body: &str, records| {
        let error = error(body.as_bytes(), records);
        assert!(!error.retry(), "{error}");
        error.to_string()
    };
    assert_eq!(
        told(r#"{"items":[],"count":0,"links":[]}"#, None),
        "the response is an object, and `records` is not set to say where its records lie; \
         try records = \"items\" or records = \"links\""
    );
    assert_eq!(
        told(r#"{"items":[],"count":0}"#, Some("data.items")),
        "nothing lies at records = \"data.items\"; the response has the keys `items`, `count`"
    );
    assert_eq!(
        told("[]", Some("items")),
        "nothing lies at records = \"items\"; the response has no keys, it is an array"
    );
    assert_eq!(
        told(r#"{"items":null}"#, Some("items")),
        "null lies at records = \"items\", not an array"
    );
    assert_eq!(told("\"ok\"", None), "the response is a string, not an array of records");
}

#[test]
fn a_total_is_a_whole_number_or_absent() {
    let total = |body: &str| {
        parse(body.as_bytes(), Some(&path("r")), Some(&path("t")), None).map(|page| page.total)
    };
    assert_eq!(total(r#"{"r":[]}"#).expect("absent is fine"), None);
    assert_eq!(total(r#"{"r":[],"t":null}"#).expect("null is fine"), None);
    assert_eq!(total(r#"{"r":[],"t":0}"#).expect("zero is a count"), Some(0));
    for (bad, shown) in [
        ("-1", "`-1`"),
        ("1.5", "`1.5`"),
        ("99999999999999999999", "`99999999999999999999`"),
        ("true", "a boolean"),
        ("\"Ada\"", "a string"),
        ("[\"Ada\"]", "an array"),
    ] {
        let error = total(&format!(r#"{{"r":[],"t":{bad}}}"#)).expect_err("it is no count");
        assert!(!error.retry() && error.to_string().starts_with(shown), "{error}");
    }
}

#[test]
fn a_next_is_a_text_a_number_as_sent_or_absent() {
    let next = |body: &str| {
        parse(body.as_bytes(), Some(&path("r")), None, Some(&path("n"))).map(|page| page.next)
    };
    assert_eq!(next(r#"{"r":[]}"#).expect("absent is fine"), None);
    assert_eq!(next(r#"{"r":[],"n":null}"#).expect("null is fine"), None);
    assert_eq!(
        next(r#"{"r":[],"n":12345678901234567890}"#).expect("a number is fine").as_deref(),
        Some("12345678901234567890")
    );
    for bad in ["true", "{}", "[1]"] {
        assert!(next(&format!(r#"{{"r":[],"n":{bad}}}"#)).is_err(), "{bad}");
    }
}

#[test]
fn pages_have_the_same_digest_only_when_their_records_are_the_same() {
    let digest = |body: &str| parse(body.as_bytes(), None, None, None).expect("an array").digest();
    assert_eq!(digest("[1,2]"), digest("[ 1 , 2 ]"));
    assert_ne!(digest("[1,2]"), digest("[12]"));
    assert_ne!(digest("[1,2]"), digest("[2,1]"));
    assert_ne!(digest("[]"), digest("[\"\"]"));
}

#[test]
fn a_digest_is_written_and_read_back_the_same() {
    let digest = Digest::of(b"x");
    let text = serde_json::to_string(&digest).expect("a digest is text");
    assert_eq!(text.len(), 34);
    let back: Digest = serde_json::from_str(&text).expect("it was just written");
    assert_eq!(back, digest);
}

/// What is read of a body, or what is said of it.
fn read(body: &str, records: &str, total: &str) -> String {
    let path = |text: &str| Some(text.parse().expect("the test's path is valid"));
    let (records, total): (Option<FieldPath>, Option<FieldPath>) = (path(records), path(total));
    match parse(body.as_bytes(), records.as_ref(), total.as_ref(), None) {
        Ok(page) => {
            let records: Vec<_> = page.records.iter().map(|record| record.get()).collect();
            format!("{} of {:?}", records.join(" "), page.total)
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_page_is_the_same_whichever_way_it_is_read() {
    for (body, records, total, expected) in [
        (r#"{"items":[1, {"a":2}],"n":7}"#, "items", "n", r#"1 {"a":2} of Some(7)"#),
        (r#"{"n":7,"items":[]}"#, "items", "n", " of Some(7)"),
        // Of a member that is sent twice the last one counts.
        (r#"{"items":[1],"items":[2]}"#, "items", "n", "2 of None"),
        (r#"{"items":null,"items":[2]}"#, "items", "n", "2 of None"),
        (r#"{"it\u0065ms":[3]}"#, "items", "n", "3 of None"),
        (r#"{"a":{"items":[4]},"n":1}"#, "a.items", "n", "4 of Some(1)"),
        (r#"{"a.items":[5]}"#, "a.items", "n", "5 of None"),
        (
            r#"{"items":[6],"n":1e400}"#,
            "items",
            "n",
            "`1e400` lies at total = \"n\", not a whole number",
        ),
        (
            r#"{"items":[7]}"#,
            "items",
            "items",
            "an array lies at total = \"items\", not a whole number",
        ),
        (
            r#"{"items":[8],"items":9}"#,
            "items",
            "n",
            "a number lies at records = \"items\", not an array",
        ),
        (r#"{"items":"x"}"#, "items", "n", "a string lies at records = \"items\", not an array"),
        (
            r#"{"other":[1]}"#,
            "items",
            "n",
            "nothing lies at records = \"items\"; the response has the keys `other`",
        ),
        (
            r#"{"items":[1,]}"#,
            "items",
            "n",
            "the response is not whole, valid JSON, after 14 bytes",
        ),
        (
            r#"{"items":[1]} x"#,
            "items",
            "n",
            "the response is not whole, valid JSON, after 15 bytes",
        ),
    ] {
        assert_eq!(read(body, records, total), expected, "{body}");
    }
}
