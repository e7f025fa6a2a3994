//! Where a next page may lie: relative to where its page came from, and at the one origin that gets the token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustix::process::Signal;

use super::{
    NAMED, PATH,
    Paged::{self, Cursor, Link, NextUrl},
    assert_holds, requests,
};
use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox, wait_until},
};

/// The styles whose next pages are URLs.
const URLS: [Paged; 2] = [NextUrl, Link];

/// An API that names the third page as `bad` says until it is mended, and the run that meets it.
struct Bad {
    api: Api,
    sandbox: Sandbox,
    mended: Arc<AtomicBool>,
    style: Paged,
}

impl Bad {
    fn new(style: Paged, bad: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let mended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&mended);
        let api = Api::serve(move |asked| {
            if style.number(asked) == 1 && !seen.load(Ordering::SeqCst) {
                bad(asked)
            } else {
                style.page(asked, &[5, 5, 3])
            }
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint("total = \"meta.total\""));
        Self { api, sandbox, mended, style }
    }

    /// The run fails at the second page, at once, with these words, and once that is mended the next run goes on there.
    #[track_caller]
    fn expect(&self, told: &[&str]) {
        let mut finished = self
            .sandbox
            .run(&["--run-now"])
            .expect_status(1)
            .expect_stderr("page 2: the listing cannot be followed");
        for told in told {
            finished = finished.expect_stderr(told);
        }
        assert_holds(&self.sandbox, 5, self.style);
        assert_eq!(requests(&self.api), 2, "{:?}: it is not tried again", self.style);

        self.mended.store(true, Ordering::SeqCst);
        self.sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after 1 page");
        assert_holds(&self.sandbox, 13, self.style);
        assert_eq!(requests(&self.api), 4, "{:?}: only what was left is asked", self.style);
    }
}

#[test]
fn a_next_page_at_another_origin_is_an_error_that_names_both_and_asks_nothing_there() {
    for style in URLS {
        let elsewhere = Api::serve(|_| Answer::json("[]"));
        let to = format!("{}{PATH}?from=2", elsewhere.url());
        let bad = Bad::new(style, move |_| style.answer(6..=10, Some(&to), 13));
        bad.expect(&[
            &format!("named a next page at {}", elsewhere.url()),
            &format!("not the origin of `api.base_url`, {}", bad.api.url()),
        ]);
        assert!(elsewhere.asked().is_empty(), "the other origin hears of nothing");
    }
}

#[test]
fn a_next_page_with_a_password_in_its_url_is_an_error_that_does_not_tell_it() {
    for style in URLS {
        let bad = Bad::new(style, move |asked| {
            let host = asked.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("");
            style.answer(6..=10, Some(&format!("http://me:pass-word@{host}{PATH}?from=2")), 13)
        });
        bad.expect(&["with a user or a password in its URL"]);
        let told = bad.sandbox.lines("SELECT group_concat(message) FROM _sync_endpoint_runs");
        assert!(!told.concat().contains("pass-word"), "{told:?}");
    }
}

#[test]
fn a_next_page_that_takes_8_kib_to_name_is_an_error() {
    for style in NAMED {
        let long = format!("{}&{}", style.name(2), "x".repeat(8 * 1024));
        let bad = Bad::new(style, move |_| style.answer(6..=10, Some(&long), 13));
        bad.expect(&["the API named a next page in 8", "no more than 8192 are followed"]);
    }
}

#[test]
fn a_link_header_that_cannot_be_read_is_an_error_and_not_the_end() {
    let bad = Bad::new(Link, |_| {
        Link.answer(6..=10, None, 13).with("link", format!("{PATH}?from=2; rel=\"next\""))
    });
    bad.expect(&["the `Link` header that may name the next page cannot be read", "at byte 0"]);
}

#[test]
fn a_next_page_is_relative_to_where_its_page_was_redirected_to() {
    for style in URLS {
        let api = Api::serve(move |asked| match (asked.path.as_str(), asked.number("from")) {
            (PATH, 0) => style.answer(1..=5, Some("?from=1"), 13),
            (PATH, from) => {
                Answer::status(307, "").with("location", format!("/v3/people/list?from={from}"))
            }
            ("/v3/people/list", 1) => style.answer(6..=10, Some("more?from=2"), 13),
            ("/v3/people/more", 2) => style.answer(11..=13, None, 13),
            _ => Answer::status(404, ""),
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint("total = \"meta.total\""));
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_holds(&sandbox, 13, style);
        let asked = api.asked();
        let paths: Vec<_> = asked
            .iter()
            .map(|asked| asked.path.as_str())
            .filter(|path| *path != "/token")
            .collect();
        assert_eq!(paths, [PATH, PATH, "/v3/people/list", "/v3/people/more"], "{style:?}");
    }
}

#[test]
fn another_base_url_starts_over_what_was_to_go_on_at_the_old_one() {
    for style in NAMED {
        let gate = Gate::new();
        let before = Api::serve({
            let gate = Arc::clone(&gate);
            move |asked| {
                gate.pass();
                style.page(asked, &[5, 5, 3])
            }
        });
        let mut sandbox =
            Sandbox::with_api(&before.url(), &style.endpoint("total = \"meta.total\""));
        gate.allow(1);
        let running = sandbox.start(&["--run-now"]);
        wait_until("the second page is asked for", || before.asked_for(PATH).len() == 2);
        running.signal(Signal::KILL);
        running.wait();
        gate.open();

        let now = Api::serve(move |asked| style.page(asked, &[5, 5, 3]));
        sandbox.set("MAPIQ_SYNC__API__BASE_URL", &now.url());
        let finished = sandbox.run(&["--run-now"]).expect_status(0);

        let numbers: Vec<_> = now.asked_for(PATH).iter().map(|asked| style.number(asked)).collect();
        if style == Cursor {
            assert_eq!(numbers, [1, 2], "a cursor is no address");
        } else {
            finished.expect_stderr(
                "users  starts over: the place where the last run has stopped is not of the origin",
            );
            assert_eq!(numbers, [0, 1, 2], "{style:?}");
        }
        assert_eq!(before.asked_for(PATH).len(), 2, "{style:?}: the old one is left alone");
        assert_holds(&sandbox, 13, style);
    }
}
