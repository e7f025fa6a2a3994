//! Values kept as JSON text: without white space and what is excluded, and with hashes in the place of what is hashed.

use super::{
    json::Kind,
    keyed::KeyedHasher,
    tokens::{Token, Tokens},
    trie::{NodeId, Trie},
};

/// An open array or object of the text that is written.
enum Open {
    /// An array, with the node of its elements where something of them is excluded or hashed.
    Array(Option<NodeId>),
    /// An object, with its node where something within it is.
    Object(Option<NodeId>),
}

/// Writes the value that starts with `first`, a token that is no end and no key, and whose other tokens come next;
/// the order of keys and the spelling of numbers and strings stay. The value itself is neither excluded nor hashed.
pub(crate) fn rewrite<'a>(
    first: Token<'a>,
    tokens: &mut Tokens<'a>,
    trie: &mut Trie,
    hasher: &mut KeyedHasher,
    node: NodeId,
) -> String {
    let mut text = String::new();
    let mut open: Vec<Open> = Vec::new();
    // The node of the value that comes next, where it is hashed or something within it is excluded or hashed.
    let mut next_node = Some(node).filter(|node| trie.node(*node).reaches_within);
    let mut next_token = Some(first);
    while let Some(token) = next_token {
        let is_outermost = open.is_empty();
        if let (Token::String(_) | Token::Number(_) | Token::Boolean(_), Some(node)) =
            (token, next_node)
        {
            trie.meet_scalar(node);
        }
        match token {
            // Null stays null: nobody is behind it.
            _ if !is_outermost && is_value(token) && is_hashed(trie, next_node) => {
                let hash =
                    next_node.take().and_then(|node| hash(token, tokens, trie, hasher, node));
                write_scalar(&mut text, &hash.map_or("null".into(), |hash| format!("\"{hash}\"")));
            }
            Token::Key(key) => {
                if let Some(Open::Object(Some(object))) = open.last() {
                    // A key that is no Unicode text cannot be one of the configuration's.
                    let member = key.decode().map(|key| trie.child(*object, &key));
                    if member.is_some_and(|member| trie.node(member).is_excluded()) {
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
                if elements.is_some_and(|elements| trie.node(elements).is_excluded()) {
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

/// The hash of the value that starts with `first` and whose other tokens come next, without what is excluded in it.
pub(crate) fn hash<'a>(
    first: Token<'a>,
    tokens: &mut Tokens<'a>,
    trie: &mut Trie,
    hasher: &mut KeyedHasher,
    node: NodeId,
) -> Option<String> {
    // Calls itself only where the configuration hashes something within what it hashes, which has an end.
    let text = rewrite(first, tokens, trie, hasher, node);
    hasher.hash(&text)
}

/// Whether a value other than null starts with this token.
fn is_value(token: Token<'_>) -> bool {
    !matches!(token, Token::Key(_) | Token::Null | Token::ObjectEnd | Token::ArrayEnd)
}

fn is_hashed(trie: &Trie, node: Option<NodeId>) -> bool {
    node.is_some_and(|node| trie.node(node).is_hashed())
}

/// The node, if it is hashed or something within it is excluded or hashed: elsewhere no nodes need to be found.
fn reaching(trie: &Trie, node: Option<NodeId>) -> Option<NodeId> {
    node.filter(|node| trie.node(*node).reaches_within || trie.node(*node).is_hashed())
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
    use super::{
        super::{HashKey, Transforms},
        *,
    };

    fn rewritten(text: &str, exclude: &[&str]) -> String {
        transformed(text, exclude, &[])
    }

    fn transformed(text: &str, exclude: &[&str], hash: &[&str]) -> String {
        let path = |path: &&str| path.parse().expect("the test's path is valid");
        let mut trie = Trie::new(Transforms {
            exclude: exclude.iter().map(path).collect(),
            hash: hash.iter().map(path).collect(),
            hash_key: HashKey::derive(SECRET),
            ..Transforms::default()
        });
        let node = trie.child(Trie::ROOT, "a");
        let mut tokens = Tokens::new(text);
        let first = tokens.next().expect("the test's text is not empty");
        let mut hasher = KeyedHasher::new(HashKey::derive(SECRET));
        let text = rewrite(first, &mut tokens, &mut trie, &mut hasher, node);
        assert_eq!(tokens.next(), None, "the whole value is read");
        text
    }

    const SECRET: &[u8] = b"0123456789abcdef";

    /// The hash that takes a value's place.
    fn hashed(value: &str) -> String {
        let hash = KeyedHasher::new(HashKey::derive(SECRET)).hash(value);
        format!("\"{}\"", hash.expect("the secret is long enough"))
    }

    #[test]
    fn hashes_take_the_place_of_values_at_any_depth() {
        let text = r#"[{"b":"x","c":"x"},{"b":null},{"b":[1.0,{"d":2}]},["x",null,[3]],"x"]"#;
        let (x, array) = (hashed("\"x\""), hashed("[1,{\"d\":2}]"));
        assert_eq!(
            transformed(text, &[], &["a[].b"]),
            format!(r#"[{{"b":{x},"c":"x"}},{{"b":null}},{{"b":{array}}},["x",null,[3]],"x"]"#)
        );
        assert_eq!(
            transformed(text, &["a[].b[].d"], &["a[].b", "a[][]"]),
            format!(
                r#"[{{"b":{x},"c":"x"}},{{"b":null}},{{"b":{}}},[{x},null,{}],"x"]"#,
                hashed("[1,{}]"),
                hashed("[3]")
            )
        );
        assert_eq!(transformed(r#"["x",null]"#, &[], &["a[]"]), format!("[{x},null]"));
        assert_eq!(transformed("\"x\"", &[], &["a"]), "\"x\"");
    }

    #[test]
    fn what_is_excluded_is_not_hashed() {
        assert_eq!(transformed(r#"{"b":1,"c":2}"#, &["a.b"], &["a.b"]), r#"{"c":2}"#);
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
