//! Cuts Rust into tokens, as far as the reading of paths needs it.

use std::{iter::Peekable, str::Chars};

/// The names and punctuation of `text`, `::` as one token; comments and literals of text are left out.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            (c, _) if c.is_whitespace() => {}
            ('/', Some('/')) => {
                rest.find(|c| *c == '\n');
            }
            ('/', Some('*')) => skip_block_comment(&mut rest),
            ('"', _) => skip_string(&mut rest),
            ('\'', _) => skip_character(&mut rest),
            (':', Some(':')) => {
                rest.next();
                found.push("::".to_owned());
            }
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                let is_raw = matches!(name.as_str(), "r" | "br" | "cr")
                    && matches!(rest.peek(), Some('"' | '#'));
                if is_raw {
                    skip_raw_string(&mut rest);
                } else {
                    found.push(name);
                }
            }
            (c, _) => found.push(c.to_string()),
        }
    }
    found
}

/// Skips a block comment, whose first `/` is read; they nest.
fn skip_block_comment(rest: &mut Peekable<Chars<'_>>) {
    let (mut depth, mut before) = (0, '/');
    for c in rest.by_ref() {
        before = match (before, c) {
            ('/', '*') => {
                depth += 1;
                ' '
            }
            ('*', '/') => {
                depth -= 1;
                ' '
            }
            _ => c,
        };
        if depth == 0 {
            return;
        }
    }
}

/// Skips a string, whose opening quote is read.
fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                rest.next();
            }
            '"' => return,
            _ => {}
        }
    }
}

/// Skips a raw string, whose `r` is read, or the `#` of a raw name.
fn skip_raw_string(rest: &mut Peekable<Chars<'_>>) {
    let mut hashes = 0;
    while rest.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    if rest.next_if_eq(&'"').is_none() {
        return;
    }
    while rest.any(|c| c == '"') {
        let mut closing = 0;
        while closing < hashes && rest.next_if_eq(&'#').is_some() {
            closing += 1;
        }
        if closing == hashes {
            return;
        }
    }
}

/// Skips a character, whose opening quote is read, or the quote of a lifetime.
fn skip_character(rest: &mut Peekable<Chars<'_>>) {
    let mut ahead = rest.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            rest.nth(1);
            rest.find(|c| *c == '\'');
        }
        (Some(_), Some('\'')) => {
            rest.nth(1);
        }
        _ => {}
    }
}
