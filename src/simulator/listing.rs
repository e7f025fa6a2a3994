//! What part of a listing a request asks for, and the body that answers it.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::{
    data::{Data, Dice, Endpoint, Kind},
    json::Writer,
};

/// The page size of a request that names none.
const DEFAULT_PAGE_SIZE: u64 = 50;

/// Ample for what stands around the records.
const ENVELOPE_BYTES: usize = 128;

/// Parameters that the server does not take: what is wrong, by parameter, as ASP.NET's problem details have it.
pub(crate) type Invalid = BTreeMap<&'static str, Vec<String>>;

/// The part of a listing that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Page { number: u64, size: u64 },
    Cursor { offset: u64, size: u64 },
}

/// The opaque cursors of one endpoint: an offset, disguised, with a check so that no other endpoint's are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursors {
    pub(crate) seed: u64,
    pub(crate) endpoint: Endpoint,
}

impl Cursors {
    fn mask(self) -> u64 {
        Dice::of(self.seed, Kind::Cursor, self.endpoint as u64).next()
    }

    fn check(self, offset: u64) -> u64 {
        Dice::of(self.mask(), Kind::Cursor, offset).next()
    }

    fn encode(self, offset: u64) -> String {
        format!("{:016x}{:016x}", offset ^ self.mask(), self.check(offset))
    }

    fn decode(self, cursor: &str) -> Option<u64> {
        let (offset, _) = cursor.split_at_checked(16)?;
        let offset = u64::from_str_radix(offset, 16).ok()? ^ self.mask();
        (self.encode(offset) == cursor).then_some(offset)
    }
}

impl Listing {
    /// Reads a query. A `cursor`, though empty, or `style=cursor` asks for the listing by cursor; all else by page.
    ///
    /// # Errors
    /// A parameter that is known has a value that the server does not take. Unknown parameters are passed over.
    pub(crate) fn parse(query: &str, cursors: Cursors, max_size: u64) -> Result<Self, Invalid> {
        let mut invalid = Invalid::new();
        let mut refuse = |parameter, reason: String| {
            invalid.entry(parameter).or_default().push(reason);
        };
        // Of a parameter that is sent twice, ASP.NET takes the first.
        let value = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let mut positive = |parameter: &'static str, default| match value(parameter) {
            None => default,
            Some(text) => match text.parse::<i32>() {
                Ok(number) if number > 0 => u64::from(number.unsigned_abs()),
                Ok(_) => {
                    let range = format!("must be between 1 and {}", i32::MAX);
                    refuse(parameter, format!("The field {parameter} {range}."));
                    default
                }
                Err(_) => {
                    refuse(parameter, format!("The value '{text}' is not valid."));
                    default
                }
            },
        };

        let number = positive("page", 1);
        let size = positive("pageSize", DEFAULT_PAGE_SIZE).min(max_size.max(1));
        let cursor = value("cursor");
        let by_cursor = match value("style").as_deref() {
            None => cursor.is_some(),
            Some("page") => false,
            Some("cursor") => true,
            Some(style) => {
                refuse("style", format!("The value '{style}' is not valid."));
                false
            }
        };
        if by_cursor && value("page").is_some() {
            refuse("page", "The field page cannot be combined with a cursor.".into());
        }
        let offset = match cursor.as_deref() {
            None | Some("") => 0,
            Some(cursor) => cursors.decode(cursor).unwrap_or_else(|| {
                refuse("cursor", format!("The value '{cursor}' is not valid."));
                0
            }),
        };

        if !invalid.is_empty() {
            return Err(invalid);
        }
        Ok(if by_cursor { Self::Cursor { offset, size } } else { Self::Page { number, size } })
    }

    /// The JSON body of this part.
    pub(crate) fn body(self, data: &Data, cursors: Cursors) -> Vec<u8> {
        let endpoint = cursors.endpoint;
        let total = data.count(endpoint);
        let (offset, size) = match self {
            Self::Page { number, size } => ((number - 1).saturating_mul(size), size),
            Self::Cursor { offset, size } => (offset, size),
        };
        let start = offset.min(total);
        let end = start.saturating_add(size).min(total);

        let mut out = Writer::with_capacity(Data::room_for(endpoint, end - start) + ENVELOPE_BYTES);
        out.object(|out| {
            out.key("items").array(|out| data.write(endpoint, start..end, out));
            out.key("totalCount").number(total);
            match self {
                Self::Page { number, .. } => out.key("page").number(number),
                Self::Cursor { .. } if end < total => {
                    out.key("nextCursor").text(&cursors.encode(end));
                }
                Self::Cursor { .. } => out.key("nextCursor").null(),
            }
        });
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSORS: Cursors = Cursors { seed: 1, endpoint: Endpoint::Users };

    fn parse(query: &str) -> Result<Listing, Invalid> {
        Listing::parse(query, CURSORS, 500)
    }

    #[test]
    fn a_request_without_parameters_gets_the_first_page() {
        assert_eq!(parse(""), Ok(Listing::Page { number: 1, size: 50 }));
        assert_eq!(parse("includeCancelled=true"), Ok(Listing::Page { number: 1, size: 50 }));
    }

    #[test]
    fn a_page_size_over_the_cap_is_capped_silently() {
        assert_eq!(parse("page=3&pageSize=9999"), Ok(Listing::Page { number: 3, size: 500 }));
    }

    #[test]
    fn an_empty_cursor_and_the_cursor_style_start_a_listing_by_cursor() {
        assert_eq!(parse("cursor=&pageSize=7"), Ok(Listing::Cursor { offset: 0, size: 7 }));
        assert_eq!(parse("style=cursor"), Ok(Listing::Cursor { offset: 0, size: 50 }));
    }

    #[test]
    fn a_cursor_is_taken_by_its_own_endpoint_only() {
        for offset in [0, 1, 2_000_000, u64::MAX] {
            let cursor = CURSORS.encode(offset);
            assert_eq!(CURSORS.decode(&cursor), Some(offset));
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
        assert_eq!(refused("cursor=abc"), ["cursor"]);
        assert_eq!(refused("style=offset"), ["style"]);
        assert_eq!(refused("style=cursor&page=2"), ["page"]);
    }
}
