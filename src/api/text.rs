//! Text from elsewhere made fit for one line of a message.

/// What stands in a secret's place.
const HIDDEN: &str = "…";

/// Puts the text on one line: control characters and white space become single spaces, and what is longer than
/// `max_chars` characters ends in `…`.
pub(super) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty())
    {
        let space = (length > 0).then_some(' ');
        for character in space.into_iter().chain(word.chars()) {
            if length == max_chars {
                line.push('…');
                return line;
            }
            line.push(character);
            length += 1;
        }
    }
    line
}

/// The text without a secret that it repeats, as it is or as a form spells it; `None` where it does not.
pub(super) fn hide(text: &str, secret: &str) -> Option<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    if secret.is_empty() || !(text.contains(secret) || text.contains(&encoded)) {
        return None;
    }
    Some(text.replace(secret, HIDDEN).replace(&encoded, HIDDEN))
}

/// The beginning of a body that should have been something else, such as `<!DOCTYPE html>…`; bytes that are no UTF-8 show as `�`.
pub(super) fn beginning(body: &[u8], max_chars: usize) -> String {
    // Four bytes a character at most, and white space is folded, so a little more than needed is looked at.
    let looked_at = body.len().min(max_chars.saturating_mul(8));
    let head = body.get(..looked_at).unwrap_or_default();
    one_line(&String::from_utf8_lossy(head), max_chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_without_control_characters() {
        assert_eq!(one_line("  a\r\n\tb\u{1b}[31mc\0 ", 300), "a b [31mc");
        assert_eq!(one_line("", 300), "");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(one_line("äöü", 2), "äö…");
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("ab cd", 3), "ab …");
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_spelled() {
        assert_eq!(hide("s=a b+c&s=a+b%2Bc.", "a b+c").as_deref(), Some("s=…&s=…."));
        assert_eq!(hide("abc", "d"), None);
        assert_eq!(hide("abc", ""), None);
    }

    #[test]
    fn a_body_that_is_no_text_still_shows_its_beginning() {
        assert_eq!(beginning(b"ok \xff\xfe", 10), "ok \u{fffd}\u{fffd}");
        assert_eq!(beginning(&vec![b'x'; 1 << 20], 4), "xxxx…");
    }
}
