//! Every style of paging: the listing comes whole, in one run or in several, and is asked for once.

mod ends;
mod leads;

use std::sync::Arc;

use rustix::process::Signal;

use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox, wait_until},
};

/// Records a page.
const SIZE: usize = 5;

/// The users' path.
const PATH: &str = "/v2/users";

/// A style of paging, as an API has it and as the configuration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paged {
    Page,
    Offset,
    Cursor,
    NextUrl,
    Link,
}

use Paged::{Cursor, Link, NextUrl, Offset, Page};

const STYLES: [Paged; 5] = [Page, Offset, Cursor, NextUrl, Link];

/// The styles whose responses name the next page.
const NAMED: [Paged; 3] = [Cursor, NextUrl, Link];

/// The styles whose requests count.
const COUNTED: [Paged; 2] = [Page, Offset];

impl Paged {
    /// The configuration of the users; `more` are further lines of it.
    fn endpoint(self, more: &str) -> String {
        let style = match self {
            Page => r#"style = "page", size = 5"#,
            Offset => r#"style = "offset", limit = 5"#,
            Cursor => r#"style = "cursor", param = "cursor", next = "meta.next""#,
            NextUrl => r#"style = "next-url", next = "meta.next""#,
            Link => r#"style = "link""#,
        };
        format!(
            "[[endpoint]]\nname = \"users\"\npath = \"{PATH}\"\nkey = [\"id\"]\nrecords = \"items\"\n\
             params = {{ active = \"true\" }}\npagination = {{ {style} }}\n{more}\n"
        )
    }

    /// Which page is asked for, from 0.
    fn number(self, asked: &Asked) -> usize {
        match self {
            Page => asked.number("page") - 1,
            Offset => asked.number("offset") / SIZE,
            Cursor => asked.number("cursor"),
            NextUrl | Link => asked.number("from"),
        }
    }

    /// How the API names a page.
    fn name(self, number: usize) -> String {
        match self {
            Page | Offset => String::new(),
            Cursor => number.to_string(),
            NextUrl => format!("{PATH}?from={number}"),
            Link => format!("users?from={number}"),
        }
    }

    /// A page of these records that names the next one so.
    fn answer(
        self,
        ids: impl IntoIterator<Item = usize>,
        next: Option<&str>,
        total: usize,
    ) -> Answer {
        let items: Vec<_> = ids.into_iter().map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let in_body = match next {
            Some(next) if self != Link => format!("\"{next}\""),
            _ => "null".into(),
        };
        let body = format!(
            r#"{{"items":[{}],"meta":{{"next":{in_body},"total":{total}}}}}"#,
            items.join(",")
        );
        let answer = Answer::json(body);
        match next {
            Some(next) if self == Link => answer.with(
                "link",
                format!(r#"<{PATH}>; rel="first"; title="a, <b>; c", <{next}>; rel="last next""#),
            ),
            _ => answer,
        }
    }

    /// The page asked for, of a listing whose pages are as long as given.
    fn page(self, asked: &Asked, lengths: &[usize]) -> Answer {
        let number = self.number(asked);
        let before: usize = lengths.iter().take(number).sum();
        let length = lengths.get(number).copied().unwrap_or(0);
        let next = (number + 1 < lengths.len()).then(|| self.name(number + 1));
        self.answer(before + 1..=before + length, next.as_deref(), lengths.iter().sum())
    }
}

fn serve(style: Paged, lengths: &'static [usize]) -> (Api, Sandbox) {
    let api = Api::serve(move |asked| style.page(asked, lengths));
    let sandbox = Sandbox::with_api(&api.url(), &style.endpoint("total = \"meta.total\""));
    (api, sandbox)
}

#[track_caller]
fn assert_holds(sandbox: &Sandbox, records: usize, style: Paged) {
    let ids: Vec<String> = (1..=records).map(|id| id.to_string()).collect();
    assert_eq!(sandbox.lines("SELECT id FROM users ORDER BY id"), ids, "{style:?}");
}

/// How often pages were asked for.
fn requests(api: &Api) -> usize {
    api.asked().iter().filter(|asked| asked.path != "/token").count()
}

const JOURNAL: &str = "SELECT result, pages, requests, rows_new, rows_unchanged FROM _sync_endpoint_runs ORDER BY run_id";

#[test]
fn a_listing_comes_whole_and_a_second_time_nothing_is_written() {
    for style in STYLES {
        let (api, sandbox) = serve(style, &[5, 5, 5, 5, 3]);
        sandbox.run(&["--run-now"]).expect_status(0);
        sandbox.run(&["--run-now"]).expect_status(0);

        assert_holds(&sandbox, 23, style);
        assert_eq!(sandbox.lines(JOURNAL), ["ok|5|5|23|0", "ok|5|5|0|23"], "{style:?}");
        let asked = api.asked_for(PATH);
        for asked in &asked {
            let names_it_all = matches!(style, NextUrl | Link) && style.number(asked) > 0;
            let expected = if names_it_all { "" } else { "true" };
            assert_eq!(asked.param("active"), expected, "a next URL is asked as it stands");
        }
        let numbers: Vec<_> = asked.iter().map(|asked| style.number(asked)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], "{style:?}");
    }
}

#[test]
fn a_run_that_is_killed_in_the_middle_goes_on_there() {
    for style in STYLES {
        let gate = Gate::new();
        let api = Api::serve({
            let gate = Arc::clone(&gate);
            move |asked| {
                gate.pass();
                style.page(asked, &[5, 5, 5, 5, 3])
            }
        });
        let sandbox = Sandbox::with_api(&api.url(), &style.endpoint("total = \"meta.total\""));
        gate.allow(2);
        let running = sandbox.start(&["--run-now"]);
        wait_until("the third page is asked for", || api.asked_for(PATH).len() == 3);
        running.signal(Signal::KILL);
        running.wait();
        gate.open();

        sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("users  goes on after 2 pages");

        let numbers: Vec<_> = api.asked_for(PATH).iter().map(|asked| style.number(asked)).collect();
        assert_eq!(numbers, [0, 1, 2, 2, 3, 4], "{style:?}");
        assert_holds(&sandbox, 23, style);
        assert_eq!(sandbox.lines("SELECT sum(pages) FROM _sync_endpoint_runs"), ["5"], "{style:?}");
    }
}

#[test]
fn a_bare_array_is_paged_by_its_link_header() {
    let api = Api::serve(|asked| {
        let from = asked.number("from");
        let items: Vec<_> = (from..from + 2).map(|id| format!(r#"{{"id":{}}}"#, id + 1)).collect();
        let answer = Answer::json(format!("[{}]", items.join(",")));
        if from == 4 {
            answer
        } else {
            answer.with("link", format!("<?from={}>; rel=next", from + 2))
        }
    });
    let endpoint = Link.endpoint("").replace("records = \"items\"\n", "");
    let sandbox = Sandbox::with_api(&api.url(), &endpoint);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_holds(&sandbox, 6, Link);
}

#[test]
fn an_offset_listing_whose_server_caps_its_pages_loses_nothing() {
    let api = Api::serve(|asked| {
        let (offset, limit) = (asked.number("offset"), asked.number("limit").min(3));
        Offset.answer(offset + 1..=11.min(offset + limit), None, 11)
    });
    for total in ["", "total = \"meta.total\""] {
        let sandbox = Sandbox::with_api(&api.url(), &Offset.endpoint(total));
        sandbox.run(&["--run-now"]).expect_status(0);
        assert_holds(&sandbox, 11, Offset);
        assert_eq!(sandbox.lines(JOURNAL), ["ok|4|4|11|0"]);
    }
}
