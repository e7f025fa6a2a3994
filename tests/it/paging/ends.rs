//! Where a listing ends, and where it does not.

use super::{COUNTED, JOURNAL, NAMED, PATH, Paged, SIZE, STYLES, assert_holds, requests, serve};
use crate::support::{Answer, Api, Sandbox};

#[test]
fn short_and_empty_pages_are_passed_over_where_a_next_page_is_named() {
    for style in NAMED {
        let (_api, sandbox) = serve(style, &[5, 2, 0, 0, 5, 0]);
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_holds(&sandbox, 12, style);
        assert_eq!(sandbox.lines(JOURNAL), ["ok|6|6|12|0"], "{style:?}");
    }
}

#[test]
fn an_empty_page_is_the_end_where_pages_are_counted_and_the_total_tells_what_is_missing() {
    for style in COUNTED {
        let (_api, sandbox) = serve(style, &[5, 0, 5]);
        sandbox
            .run(&["--run-now"])
            .expect_status(65)
            .expect_stderr("users: the API stated 10 records and returned 5");
        assert_holds(&sandbox, 5, style);
        assert_eq!(sandbox.lines(JOURNAL), ["ok|2|2|5|0"], "{style:?}");
    }
}

#[test]
fn another_total_than_what_came_asks_for_a_person_in_every_style() {
    for style in STYLES {
        let api = Api::serve(move |asked| {
            let number = style.number(asked);
            let next = (number == 0).then(|| style.name(1));
            let length = [5, 2].get(number).copied().unwrap_or(0);
            style.answer(number * SIZE + 1..=number * SIZE + length, next.as_deref(), 8)
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint("total = \"meta.total\""));
        sandbox
            .run(&["--run-now"])
            .expect_status(65)
            .expect_stderr("users: the API stated 8 records and returned 7");
        assert_holds(&sandbox, 7, style);
    }
}

#[test]
fn a_short_page_is_the_end_where_pages_are_counted_without_a_total() {
    for style in COUNTED {
        let api = Api::serve(move |asked| style.page(asked, &[5, 5, 2]));
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint(""));
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_holds(&sandbox, 12, style);
        assert_eq!(requests(&api), 3, "{style:?}");
    }
}

#[test]
fn after_full_pages_a_404_or_the_last_page_again_is_the_end() {
    for style in COUNTED {
        for (past_the_end, journal) in [(404, "ok|2|3|10|0"), (200, "ok|3|3|10|0")] {
            let api = Api::serve(move |asked| {
                if style.number(asked) < 2 {
                    style.page(asked, &[5, 5])
                } else if past_the_end == 200 {
                    style.answer(6..=10, None, 10)
                } else {
                    Answer::status(past_the_end, r#"{"title":"Not Found"}"#)
                }
            });
            let sandbox = Sandbox::with_api(&api.url(), &style.endpoint(""));
            sandbox.run(&["--run-now"]).expect_status(0);
            assert_holds(&sandbox, 10, style);
            assert_eq!(sandbox.lines(JOURNAL), [journal], "{style:?}: a 404 is no page");
            let pages = sandbox.lines("SELECT pages FROM _sync_checkpoints");
            assert_eq!(pages, [if past_the_end == 404 { "2" } else { "3" }], "{style:?}");
        }
    }
}

#[test]
fn a_named_page_that_is_not_found_is_an_error() {
    for style in NAMED {
        let api = Api::serve(move |asked| match style.number(asked) {
            0 => style.page(asked, &[5, 5]),
            _ => Answer::status(404, ""),
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint(""));
        sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("page 2: HTTP 404 Not Found");
        assert_holds(&sandbox, 5, style);
    }
}

#[test]
fn a_listing_that_does_not_move_ends_the_run_and_the_next_one_begins_at_the_first_page() {
    for style in STYLES {
        let api = Api::serve(move |asked| {
            // Every page names the second one as its next, or is the first one whatever is asked.
            let first = if style.number(asked) == 0 || COUNTED.contains(&style) { 1 } else { 6 };
            style.answer(first..first + SIZE, Some(&style.name(1)), 99)
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint(""));
        let told = match style {
            Paged::Page => "the API seems not to know the page parameter `page`",
            Paged::Offset => "the API seems not to know the offset parameter `offset`",
            Paged::Cursor => "check the cursor parameter `cursor` and the path `meta.next`",
            Paged::NextUrl | Paged::Link => "so the listing has no end",
        };
        for run in 1..=2 {
            sandbox
                .run(&["--run-now"])
                .expect_status(1)
                .expect_stderr("page 2: the listing cannot be followed")
                .expect_stderr(told);
            let numbers: Vec<_> =
                api.asked_for(PATH).iter().map(|asked| style.number(asked)).collect();
            assert_eq!(numbers, [0, 1].repeat(run), "{style:?}");
        }
    }
}
