//! JSON text as a flat sequence of tokens, without recursion: nesting of any depth cannot overflow the stack.

use std::borrow::Cow;

/// One piece of JSON text; commas, colons and white space are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// A string that a colon follows.
    Key(Quoted<'a>),
    String(Quoted<'a>),
    /// A number as it was spelled.
    Number(&'a str),
    Boolean(bool),
    Null,
}

/// A string as it was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted<'a> {
    /// The string with its quotes.
    text: &'a str,
    /// Whether a backslash occurs in it.
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// The string as it was spelled, quotes included.
    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    /// The string's content, borrowed where it holds no escape; `None` when it is no Unicode text (a lone surrogate).
    pub(crate) fn decode(self) -> Option<Cow<'a, str>> {
        if self.escaped {
            serde_json::from_str::<String>(self.text).ok().map(Cow::Owned)
        } else {
            self.text.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
        }
    }
}

/// Reads the tokens of a text that is known to be valid JSON (as every `RawValue` is); of any other text it reads
/// something, and comes to an end.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    /// The next byte to read.
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes over one whole value.
    pub(crate) fn skip_value(&mut self) {
        let mut depth = 0_usize;
        for token in self {
            match token {
                Token::ObjectStart | Token::ArrayStart => depth += 1,
                Token::ObjectEnd | Token::ArrayEnd => depth = depth.saturating_sub(1),
                Token::Key(_) => continue,
                Token::String(_) | Token::Number(_) | Token::Boolean(_) | Token::Null => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    #[inline]
    fn quoted(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start + 1;
        let mut escaped = false;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        let quoted = Quoted { text: self.text.get(start..=end)?, escaped };
        self.at = end + 1;
        self.pass(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        if bytes.get(self.at) == Some(&b':') {
            self.at += 1;
            Some(Token::Key(quoted))
        } else {
            Some(Token::String(quoted))
        }
    }

    #[inline]
    fn number(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        self.pass(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let token = self.text.get(start..self.at)?;
        (!token.is_empty()).then_some(Token::Number(token))
    }

    fn pass(&mut self, belongs: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        self.pass(|byte| matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t'));
        let (token, length) = match self.text.as_bytes().get(self.at)? {
            b'{' => (Token::ObjectStart, 1),
            b'}' => (Token::ObjectEnd, 1),
            b'[' => (Token::ArrayStart, 1),
            b']' => (Token::ArrayEnd, 1),
            b't' => (Token::Boolean(true), "true".len()),
            b'f' => (Token::Boolean(false), "false".len()),
            b'n' => (Token::Null, "null".len()),
            b'"' => return self.quoted(),
            _ => return self.number(),
        };
        self.at += length;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> String {
        Tokens::new(text)
            .map(|token| match token {
                Token::ObjectStart => "{ ".to_owned(),
                Token::ObjectEnd => "} ".to_owned(),
                Token::ArrayStart => "[ ".to_owned(),
                Token::ArrayEnd => "] ".to_owned(),
                Token::Key(key) => format!("key:{} ", key.text()),
                Token::String(string) => format!("{} ", string.text()),
                Token::Number(token) => format!("{token} "),
                Token::Boolean(value) => format!("{value} "),
                Token::Null => "null ".to_owned(),
            })
            .collect()
    }

    #[test]
    fn every_token_is_read_as_it_was_spelled() {
        assert_eq!(
            spelled("{\"a\" :\n[ 1.50, -2E+3,true ,false,null,\"x\\\"]\" ],\"é\":{}}"),
            "{ key:\"a\" [ 1.50 -2E+3 true false null \"x\\\"]\" ] key:\"é\" { } } "
        );
    }

    #[test]
    fn a_value_of_any_depth_is_passed_over_whole() {
        let deep = format!("{}{} 7", "[".repeat(10_000), "]".repeat(10_000));
        let mut tokens = Tokens::new(&deep);
        tokens.skip_value();
        assert_eq!(tokens.next(), Some(Token::Number("7")));

        let mut tokens = Tokens::new(r#"{"a":{"b":[1]}} true"#);
        tokens.skip_value();
        assert_eq!(tokens.next(), Some(Token::Boolean(true)));
    }

    #[test]
    fn a_text_that_is_no_json_comes_to_an_end() {
        for text in ["", "\"open", "\"open\\", "tr", "?", "{\"a\":", "[1,}"] {
            assert!(Tokens::new(text).count() < 5, "{text}");
        }
    }
}
