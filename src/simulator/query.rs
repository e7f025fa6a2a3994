//! What a request for a listing asks for: which part, in which style, of which records.

use std::{borrow::Cow, collections::BTreeMap};

use url::form_urlencoded;

use super::{
    data::{Dice, Endpoint, Kind},
    settings::Style,
    window::Window,
};

/// The page size of a request that names none.
const DEFAULT_PAGE_SIZE: u64 = 50;

/// Parameters that the server does not take: what is wrong, by parameter, as ASP.NET's problem details have it.
pub(crate) type Invalid = BTreeMap<&'static str, Vec<String>>;

/// The part of a listing that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A page, counted from 1.
    Page { number: u64, size: u64 },
    /// What follows after so many records.
    Offset { offset: u64, size: u64 },
    /// What follows from an index on, and the cursor of what follows then.
    Cursor { index: u64, size: u64 },
    /// The same, and the URL of what follows then.
    NextUrl { index: u64, size: u64 },
    /// The same, as a bare array, with that URL in a header.
    Link { index: u64, size: u64 },
    /// Everything, as a bare array.
    Whole,
}

/// A request that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) part: Part,
    pub(crate) window: Window,
}

/// The opaque cursors of one endpoint: an index, disguised, with a check so that no other endpoint's are taken. It is
/// that of a record and not a rank, so that nothing is lost or doubled when records come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursors {
    pub(crate) seed: u64,
    pub(crate) endpoint: Endpoint,
}

impl Cursors {
    fn mask(self) -> u64 {
        Dice::of(self.seed, Kind::Cursor, self.endpoint as u64).next()
    }

    fn check(self, index: u64) -> u64 {
        Dice::of(self.mask(), Kind::Cursor, index).next()
    }

    pub(crate) fn encode(self, index: u64) -> String {
        format!("{:016x}{:016x}", index ^ self.mask(), self.check(index))
    }

    fn decode(self, cursor: &str) -> Option<u64> {
        let (index, _) = cursor.split_at_checked(16)?;
        let index = u64::from_str_radix(index, 16).ok()? ^ self.mask();
        (self.encode(index) == cursor).then_some(index)
    }
}

/// The parameters of a request, and what is wrong with them.
pub(crate) struct Parameters<'a> {
    query: &'a str,
    pub(crate) invalid: Invalid,
}

impl<'a> Parameters<'a> {
    pub(crate) fn of(query: &'a str) -> Self {
        Self { query, invalid: Invalid::new() }
    }

    /// The value of a parameter. Of one that is sent twice, ASP.NET takes the first.
    pub(crate) fn value(&self, wanted: &str) -> Option<Cow<'a, str>> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    }

    pub(crate) fn refuse(&mut self, parameter: &'static str, reason: impl Into<String>) {
        self.invalid.entry(parameter).or_default().push(reason.into());
    }

    pub(crate) fn refuse_value(&mut self, parameter: &'static str, value: &str) {
        self.refuse(parameter, format!("The value '{value}' is not valid."));
    }

    /// A number of at least `least`.
    fn number(&mut self, parameter: &'static str, least: i32, default: u64) -> u64 {
        let Some(text) = self.value(parameter) else { return default };
        match text.parse::<i32>() {
            Ok(number) if number >= least => u64::from(number.unsigned_abs()),
            Ok(_) => {
                let range = format!("must be between {least} and {}", i32::MAX);
                self.refuse(parameter, format!("The field {parameter} {range}."));
                default
            }
            Err(_) => {
                self.refuse_value(parameter, &text);
                default
            }
        }
    }

    fn cursor(&mut self, cursors: Cursors) -> u64 {
        match self.value("cursor").as_deref() {
            None | Some("") => 0,
            Some(cursor) => cursors.decode(cursor).unwrap_or_else(|| {
                self.refuse_value("cursor", cursor);
                0
            }),
        }
    }

    /// The style of the request: the parameter `style`, else the server's; where that takes any, what the other
    /// parameters suggest.
    fn style(&mut self, of_server: Style) -> Style {
        let style = match self.value("style") {
            None => of_server,
            Some(text) => text.parse().unwrap_or_else(|_| {
                self.refuse_value("style", &text);
                of_server
            }),
        };
        match style {
            Style::Any if self.value("cursor").is_some() => Style::Cursor,
            Style::Any if self.value("offset").is_some() => Style::Offset,
            Style::Any => Style::Page,
            style => style,
        }
    }

    /// The part that is asked for. Unknown parameters are passed over, as are those of other styles, but for a page
    /// beside a cursor.
    pub(crate) fn part(&mut self, cursors: Cursors, style: Style, max_size: u64) -> Part {
        let style = self.style(style);
        let size_parameter = if style == Style::Offset { "limit" } else { "pageSize" };
        let size = self.number(size_parameter, 1, DEFAULT_PAGE_SIZE).min(max_size.max(1));
        match style {
            Style::Any | Style::Page => Part::Page { number: self.number("page", 1, 1), size },
            Style::Offset => Part::Offset { offset: self.number("offset", 0, 0), size },
            Style::Cursor => {
                if self.value("page").is_some() {
                    self.refuse("page", "The field page cannot be combined with a cursor.");
                }
                Part::Cursor { index: self.cursor(cursors), size }
            }
            Style::NextUrl => Part::NextUrl { index: self.cursor(cursors), size },
            Style::Link => Part::Link { index: self.cursor(cursors), size },
            Style::None => Part::Whole,
        }
    }
}

/// The query of the next page: this one's, with another cursor.
pub(crate) fn next_query(query: &str, cursor: &str) -> String {
    let mut next = form_urlencoded::Serializer::new(String::new());
    let kept = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !name.eq_ignore_ascii_case("cursor"));
    next.extend_pairs(kept).append_pair("cursor", cursor);
    next.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSORS: Cursors = Cursors { seed: 1, endpoint: Endpoint::Users };

    fn parse_in(query: &str, style: Style) -> Result<Part, Invalid> {
        let mut parameters = Parameters::of(query);
        let part = parameters.part(CURSORS, style, 500);
        if parameters.invalid.is_empty() { Ok(part) } else { Err(parameters.invalid) }
    }

    fn parse(query: &str) -> Result<Part, Invalid> {
        parse_in(query, Style::Any)
    }

    #[test]
    fn a_request_without_parameters_gets_the_first_page() {
        assert_eq!(parse(""), Ok(Part::Page { number: 1, size: 50 }));
        assert_eq!(parse("includeCancelled=true"), Ok(Part::Page { number: 1, size: 50 }));
    }

    #[test]
    fn a_page_size_over_the_cap_is_capped_silently() {
        assert_eq!(parse("page=3&pageSize=9999"), Ok(Part::Page { number: 3, size: 500 }));
        assert_eq!(parse("offset=3&limit=9999"), Ok(Part::Offset { offset: 3, size: 500 }));
    }

    #[test]
    fn an_empty_cursor_and_the_cursor_style_start_a_listing_by_cursor() {
        assert_eq!(parse("cursor=&pageSize=7"), Ok(Part::Cursor { index: 0, size: 7 }));
        assert_eq!(parse("style=cursor"), Ok(Part::Cursor { index: 0, size: 50 }));
    }

    #[test]
    fn a_style_of_the_server_holds_unless_the_request_names_another() {
        assert_eq!(parse_in("pageSize=7", Style::Link), Ok(Part::Link { index: 0, size: 7 }));
        assert_eq!(
            parse_in("pageSize=7&style=next-url", Style::Link),
            Ok(Part::NextUrl { index: 0, size: 7 })
        );
        assert_eq!(parse_in("page=7", Style::None), Ok(Part::Whole));
        assert_eq!(parse_in("offset=0", Style::Page), Ok(Part::Page { number: 1, size: 50 }));
    }

    #[test]
    fn a_cursor_is_taken_by_its_own_endpoint_only() {
        for index in [0, 1, 2_000_000, u64::MAX] {
            let cursor = CURSORS.encode(index);
            assert_eq!(CURSORS.decode(&cursor), Some(index));
            let others = Cursors { endpoint: Endpoint::Buildings, ..CURSORS };
            assert_eq!(others.decode(&cursor), None);
        }
        for nonsense in ["", "0", "Zoë", "00000000000000000000000000000000", "+000000000000001"] {
            assert_eq!(CURSORS.decode(nonsense), None);
        }
    }

    #[test]
    fn every_parameter_that_is_wrong_is_named() {
        let refused =
            |query| parse(query).expect_err("a wrong query").into_keys().collect::<Vec<_>>();

        assert_eq!(refused("page=0&pageSize=x"), ["page", "pageSize"]);
        assert_eq!(refused("pageSize=-1"), ["pageSize"]);
        assert_eq!(refused("page=2147483648"), ["page"]);
        assert_eq!(refused("page="), ["page"]);
        assert_eq!(refused("offset=-1&limit=0"), ["limit", "offset"]);
        assert_eq!(refused("cursor=abc"), ["cursor"]);
        assert_eq!(refused("style=pages"), ["style"]);
        assert_eq!(refused("style=cursor&page=2"), ["page"]);
    }

    #[test]
    fn the_next_page_is_asked_for_with_what_this_one_was() {
        assert_eq!(
            next_query("startDate=2026-06-09T00%3A00&cursor=old&pageSize=2&q=a+b", "new"),
            "startDate=2026-06-09T00%3A00&pageSize=2&q=a+b&cursor=new"
        );
        assert_eq!(next_query("", "new"), "cursor=new");
    }
}
