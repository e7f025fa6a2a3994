//! Reads the columns out of a `CREATE TABLE` as SQLite keeps it: pure.
//!
//! Only as much of SQL's syntax is known here as tells where a column's definition ends: quotes, comments, parentheses.

/// What can stand in a column's place without being one.
const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

/// The columns of a table, each with its name and its definition as it was written.
pub(super) fn columns(create_table: &str) -> Vec<(String, &str)> {
    let mut depth = 0_usize;
    let mut start = None;
    let mut items = Vec::new();
    for (at, piece) in pieces(create_table) {
        match (piece, depth, start) {
            ("(", 0, _) => start = Some(at + piece.len()),
            ("," | ")", 1, Some(begin)) => {
                items.extend(create_table.get(begin..at));
                start = Some(at + piece.len());
            }
            _ => {}
        }
        match piece {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if piece == ")" && depth == 0 {
            break;
        }
    }
    items.into_iter().filter_map(|item| Some((name(item)?, item.trim()))).collect()
}

/// The name that a definition begins with; `None` where it is a constraint of the table.
fn name(definition: &str) -> Option<String> {
    let is_text = |piece: &&str| !is_comment(piece) && !piece.trim().is_empty();
    let first = pieces(definition).map(|(_, piece)| piece).find(is_text)?;
    let mut inner = first.chars();
    let quote = match (inner.next()?, inner.next_back()) {
        (quote @ ('"' | '\'' | '`'), Some(_)) => quote,
        ('[', Some(_)) => return Some(inner.as_str().to_owned()),
        _ if CONSTRAINTS.iter().any(|word| first.eq_ignore_ascii_case(word)) => return None,
        _ => return Some(first.to_owned()),
    };
    Some(inner.as_str().replace(&format!("{quote}{quote}"), &quote.to_string()))
}

fn is_comment(piece: &str) -> bool {
    piece.starts_with("--") || piece.starts_with("/*")
}

/// Splits SQL into words, quoted texts, comments, white space and single other characters, each with its place.
fn pieces(sql: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let length = length_of_first(rest)?;
        let (piece, after) = rest.split_at_checked(length)?;
        let at = sql.len() - rest.len();
        rest = after;
        Some((at, piece))
    })
}

fn length_of_first(sql: &str) -> Option<usize> {
    let first = sql.chars().next()?;
    let up_to = |end: &str, from: usize| {
        let found = sql.get(from..).and_then(|inner| inner.find(end));
        found.map_or(sql.len(), |found| from + found + end.len())
    };
    let while_all = |holds: fn(char) -> bool| sql.find(|c| !holds(c)).unwrap_or(sql.len());
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    Some(match first {
        '"' | '\'' | '`' => quoted_length(sql, first),
        '[' => up_to("]", 1),
        _ if sql.starts_with("--") => up_to("\n", 2),
        _ if sql.starts_with("/*") => up_to("*/", 2),
        _ if first.is_ascii_whitespace() => while_all(|c| c.is_ascii_whitespace()),
        _ if is_word(first) => while_all(is_word),
        _ => first.len_utf8(),
    })
}

/// A quote within is written twice.
fn quoted_length(sql: &str, quote: char) -> usize {
    let mut chars = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sql: &str) -> Vec<(String, &str)> {
        columns(sql)
    }

    #[test]
    fn columns_are_told_apart_by_the_commas_between_them() {
        let sql = "CREATE TABLE \"a (b, c\" (\n    \"id\" INTEGER NOT NULL,\n    note TEXT DEFAULT 'a, (b' , twice AS (max(id, 2)), \
            PRIMARY KEY (\"id\", note)\n) STRICT";
        assert_eq!(
            told(sql),
            [
                ("id".to_owned(), "\"id\" INTEGER NOT NULL"),
                ("note".to_owned(), "note TEXT DEFAULT 'a, (b'"),
                ("twice".to_owned(), "twice AS (max(id, 2))"),
            ]
        );
    }

    #[test]
    fn names_are_read_whatever_their_quotes() {
        let names: Vec<String> =
            told("CREATE TABLE t (a, \"b\"\"(\", [c ,d], `e`, 'f''', größe x, \"check\", /* g, */ h -- (\n TEXT, CHECK (a > 1))")
                .into_iter()
                .map(|(name, _)| name)
                .collect();
        assert_eq!(names, ["a", "b\"(", "c ,d", "e", "f'", "größe", "check", "h"]);
    }

    #[test]
    fn what_is_no_table_has_no_columns() {
        for sql in
            ["", "CREATE TABLE t AS SELECT 1", "CREATE TABLE t (a", "CREATE TABLE t ('a", "("]
        {
            assert!(told(sql).is_empty(), "{sql}");
        }
    }
}
