//! Words as a POSIX shell takes them, for what a person copies.

/// A word within single quotes, where a shell takes everything literally but the quote itself.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word as it stands where a shell takes it so, else within quotes.
pub(super) fn word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { quoted(word) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_a_shell_takes_literally_stays_as_it_is() {
        assert_eq!(
            word("/tmp/mapiq-sync-demo-4711/mapiq.db"),
            "/tmp/mapiq-sync-demo-4711/mapiq.db"
        );
        assert_eq!(word("my folder/mapiq.db"), "'my folder/mapiq.db'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
        assert_eq!(quoted("plain"), "'plain'");
    }

    #[test]
    fn a_shell_reads_every_word_back_as_it_was() {
        let words = [
            "a b", "$HOME", "`id`", "~", "*", "a'b\"c", "\\", "a\nb", "#", "!1", "é", "{a,b}",
            "x=1", "",
        ];
        for text in words {
            for spelled in [word(text), quoted(text)] {
                let printed =
                    Command::new("sh").args(["-c", &format!("printf %s {spelled}")]).output();
                let printed = printed.expect("a shell runs").stdout;
                assert_eq!(String::from_utf8_lossy(&printed), text, "{spelled}");
            }
        }
    }
}
