//! Values kept as JSON text: without white space, and without what is excluded.

use super::{
    json::Kind,
    tokens::{Token, Tokens},
    trie::{NodeId, Trie},
};

/// An open array or object of the text that is written.
enum Open {
    /// An array, with the node of its elements where something within them is excluded.
    Array(Option<NodeId>),
    /// An object, with its node where something within it is excluded.
    Object(Option<NodeId>),
}

/// Writes the value that starts with `first`, a token that is no end and no key, and whose other tokens come next;
/// the order of keys and the spelling of numbers and strings stay.
pub(crate) fn rewrite<'a>(
    first: Token<'a>,
    tokens: &mut Tokens<'a>,
    trie: &mut Trie,
    node: NodeId,
) -> String {
    let mut text = String::new();
    let mut open: Vec<Open> = Vec::new();
    // The node of the value that comes next, where something within it is excluded.
    let mut next_node = reaching(trie, Some(node));
    let mut next_token = Some(first);
    while let Some(token) = next_token {
        match token {
            Token::Key(key) => {
                if let Some(Open::Object(Some(object))) = open.last() {
                    // A key that is no Unicode text cannot be one of the configuration's.
                    let member = key.decode().map(|key| trie.child(*object, &key));
                    if member.is_some_and(|member| trie.node(member).is_excluded) {
                        tokens.skip_value();
                        next_token = tokens.next();
                        continue;
                    }
                    next_node = reaching(trie, member);
                }
                separate(&mut text);
                text.push_str(key.text());
                text.push(':');
            }
            Token::ObjectStart => {
                separate(&mut text);
                text.push('{');
                open.push(Open::Object(next_node.take()));
            }
            Token::ArrayStart => {
                separate(&mut text);
                text.push('[');
                let elements = next_node.take().map(|array| trie.elements(array));
                if elements.is_some_and(|elements| trie.node(elements).is_excluded) {
                    skip_elements(tokens);
                    text.push(']');
                } else {
                    open.push(Open::Array(reaching(trie, elements)));
                }
            }
            Token::ObjectEnd => {
                text.push('}');
                open.pop();
            }
            Token::ArrayEnd => {
                text.push(']');
                open.pop();
            }
            Token::String(string) => write_scalar(&mut text, string.text()),
            Token::Number(number) => write_scalar(&mut text, number),
            Token::Boolean(value) => write_scalar(&mut text, if value { "true" } else { "false" }),
            Token::Null => write_scalar(&mut text, "null"),
        }
        match open.last() {
            None => break,
            Some(Open::Array(elements)) => next_node = *elements,
            Some(Open::Object(_)) if matches!(token, Token::Key(_)) => {}
            Some(Open::Object(_)) => next_node = None,
        }
        next_token = tokens.next();
    }
    text
}

/// The kind of the value that starts with this token.
pub(crate) fn kind(first: Token<'_>) -> Kind {
    match first {
        Token::ObjectStart | Token::ObjectEnd => Kind::Object,
        Token::ArrayStart | Token::ArrayEnd => Kind::Array,
        Token::Key(_) | Token::String(_) => Kind::String,
        Token::Number(_) => Kind::Number,
        Token::Boolean(_) => Kind::Boolean,
        Token::Null => Kind::Null,
    }
}

/// The node, if something within it is excluded: where nothing is, no nodes need to be found.
fn reaching(trie: &Trie, node: Option<NodeId>) -> Option<NodeId> {
    node.filter(|node| trie.node(*node).excludes_within)
}

/// Passes over the rest of an array whose start was read.
fn skip_elements(tokens: &mut Tokens<'_>) {
    let mut depth = 1_usize;
    for token in tokens {
        match token {
            Token::ObjectStart | Token::ArrayStart => depth += 1,
            Token::ObjectEnd | Token::ArrayEnd => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn write_scalar(text: &mut String, spelling: &str) {
    separate(text);
    text.push_str(spelling);
}

/// Writes the comma before a member or an element that is not the first.
fn separate(text: &mut String) {
    // A string ends with its quote, so these four are never part of one.
    if !matches!(text.as_bytes().last(), None | Some(b'[' | b'{' | b':')) {
        text.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Transforms, *};

    fn rewritten(text: &str, exclude: &[&str]) -> String {
        let path = |path: &&str| path.parse().expect("the test's path is valid");
        let mut trie = Trie::new(Transforms {
            exclude: exclude.iter().map(path).collect(),
            ..Transforms::default()
        });
        let node = trie.child(Trie::ROOT, "a");
        let mut tokens = Tokens::new(text);
        let first = tokens.next().expect("the test's text is not empty");
        let text = rewrite(first, &mut tokens, &mut trie, node);
        assert_eq!(tokens.next(), None, "the whole value is read");
        text
    }

    #[test]
    fn only_white_space_goes() {
        let text = "[ 1.00 , { \"b\" : \"x , [\" , \"a\\u0041\" : [ ] } ,\n-2E+3, true, null ]";
        assert_eq!(rewritten(text, &[]), r#"[1.00,{"b":"x , [","a\u0041":[]},-2E+3,true,null]"#);
        assert_eq!(rewritten(" \"x\" ", &[]), "\"x\"");
    }

    #[test]
    fn excluded_fields_go_at_any_depth() {
        let text = r#"[{"b":[{"c":1,"d":2}],"c":3},{"c":{"x":[1]}},[{"c":4}],5]"#;
        assert_eq!(rewritten(text, &["a[].c"]), r#"[{"b":[{"c":1,"d":2}]},{},[{"c":4}],5]"#);
        assert_eq!(
            rewritten(text, &["a[].b[].c", "a[][].c"]),
            r#"[{"b":[{"d":2}],"c":3},{"c":{"x":[1]}},[{}],5]"#
        );
        assert_eq!(
            rewritten(text, &["a[].b[]"]),
            r#"[{"b":[],"c":3},{"c":{"x":[1]}},[{"c":4}],5]"#
        );
        assert_eq!(
            rewritten(r#"{"x":{"y":1},"z":2,"w":[{"y":1}]}"#, &["a.x.y", "a.z"]),
            r#"{"x":{},"w":[{"y":1}]}"#
        );
        assert_eq!(rewritten(r#"{"z":2,"x.y":1,"w":3}"#, &["a.x.y", "a.z"]), r#"{"w":3}"#);
    }

    #[test]
    fn depth_does_not_matter() {
        let deep = format!("{}{}", "[{\"b\":".repeat(10_000) + "1", "}]".repeat(10_000));
        assert_eq!(rewritten(&deep, &["a[].b[].c"]), deep);
    }
}
