//! The `Link` header (RFC 8288), as far as paging goes: which link is the page's own `next`. Pure.

use http::{HeaderMap, header::LINK};
use url::Url;

/// A header that does not follow the grammar; where it says nothing of a next page, it may say so further on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is wanted at byte {at}")]
pub struct Malformed {
    /// What the grammar wants.
    wanted: &'static str,
    /// Where, counted from 0 in the header's line.
    at: usize,
}

/// The target of the first link whose relation is `next` and whose context is the page itself: an absolute or a relative
/// URL, as it was sent. `None`: there is no such link.
///
/// # Errors
///
/// A header line cannot be read up to such a link.
pub(super) fn next(headers: &HeaderMap, page: &Url) -> Result<Option<String>, Malformed> {
    for line in headers.get_all(LINK) {
        let mut reader = Reader { line: line.as_bytes(), at: 0 };
        while let Some(link) = reader.link()? {
            if link.is_next() && link.is_of(page) {
                return Ok(Some(link.target));
            }
        }
    }
    Ok(None)
}

/// One link. Of a parameter that comes twice the first one counts (section 3.3 for `rel`; the others likewise).
#[derive(Debug, Default)]
struct Link {
    target: String,
    rel: Option<String>,
    anchor: Option<String>,
}

impl Link {
    /// Whether `next` is among its relations, which are separated by spaces and known in any letter case (section 2.1.1).
    fn is_next(&self) -> bool {
        self.rel
            .iter()
            .flat_map(|rel| rel.split_ascii_whitespace())
            .any(|rel| rel.eq_ignore_ascii_case("next"))
    }

    /// Whether it is a link of this page: an anchor may make it one of something else (section 3.2).
    fn is_of(&self, page: &Url) -> bool {
        let mut page = page.clone();
        page.set_fragment(None);
        self.anchor.as_ref().is_none_or(|anchor| page.join(anchor).is_ok_and(|of| of == page))
    }
}

struct Reader<'l> {
    line: &'l [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next link of the list; a list may have empty elements (RFC 9110, section 5.6.1.2).
    fn link(&mut self) -> Result<Option<Link>, Malformed> {
        self.skip(|byte| is_space(byte) || byte == b',');
        if self.peek().is_none() {
            return Ok(None);
        }
        self.expect(b'<', "a link in `<…>`")?;
        let target = self.take(|byte| byte != b'>');
        let mut link = Link { target: self.text(&target)?, ..Link::default() };
        self.expect(b'>', "the `>` of a link")?;
        loop {
            self.skip(is_space);
            match self.peek() {
                None | Some(b',') => return Ok(Some(link)),
                _ => self.expect(b';', "a `;` or a `,` after a link or a parameter")?,
            }
            self.skip(is_space);
            if !matches!(self.peek(), None | Some(b',' | b';')) {
                self.parameter(&mut link)?;
            }
        }
    }

    /// A parameter: its name, which is known in any letter case, and a value that is quoted or not.
    fn parameter(&mut self, link: &mut Link) -> Result<(), Malformed> {
        let name =
            self.take(|byte| !is_space(byte) && !matches!(byte, b'=' | b';' | b',' | b'"' | b'<'));
        if name.is_empty() {
            return Err(self.wanted("the name of a parameter"));
        }
        self.skip(is_space);
        let mut value = Vec::new();
        if self.peek() == Some(b'=') {
            self.at += 1;
            self.skip(is_space);
            value = if self.peek() == Some(b'"') {
                self.quoted()?
            } else {
                self.take(|byte| !is_space(byte) && !matches!(byte, b';' | b','))
            };
        }
        let place = match name.to_ascii_lowercase().as_slice() {
            b"rel" => &mut link.rel,
            b"anchor" => &mut link.anchor,
            _ => return Ok(()),
        };
        if place.is_none() {
            *place = Some(self.text(&value)?);
        }
        Ok(())
    }

    /// A quoted string, with its backslashes resolved (RFC 9110, section 5.6.4).
    fn quoted(&mut self) -> Result<Vec<u8>, Malformed> {
        self.at += 1;
        let mut value = Vec::new();
        loop {
            let byte = match self.bump() {
                Some(b'"') => return Ok(value),
                Some(b'\\') => self.bump(),
                byte => byte,
            };
            value.push(byte.ok_or_else(|| self.wanted("the closing quote of a parameter"))?);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&skipped) {
            self.at += 1;
        }
    }

    fn take(&mut self, taken: impl Fn(u8) -> bool) -> Vec<u8> {
        let from = self.at;
        self.skip(taken);
        self.line.get(from..self.at).unwrap_or_default().to_vec()
    }

    fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.wanted(wanted));
        }
        self.at += 1;
        Ok(())
    }

    /// What matters of a link is text; only parameters that nobody looks at may be in other encodings.
    fn text(&self, bytes: &[u8]) -> Result<String, Malformed> {
        let text = str::from_utf8(bytes).map_err(|_| self.wanted("text in UTF-8"))?;
        Ok(text.to_owned())
    }

    fn wanted(&self, wanted: &'static str) -> Malformed {
        Malformed { wanted, at: self.at }
    }
}

/// Optional white space (RFC 9110, section 5.6.3).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests;
