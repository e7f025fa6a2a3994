//! How errors of the configuration are shown.

use std::{
    error::Error,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use super::tree;

/// One thing that is wrong with the configuration: where, what, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: Place,
    message: String,
    help: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Line { file: PathBuf, line: usize, column: usize, excerpt: Excerpt },
    Environment(String),
}

/// A line of the file with a mark below it; secrets in it are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    line: String,
    /// White space up to the mark, tabs kept.
    indent: String,
    /// How many characters the mark underlines.
    width: usize,
}

impl ConfigError {
    /// An error about the file as a whole.
    pub(super) fn in_file(file: &Path, message: String, help: Option<String>) -> Self {
        Self { place: Place::File(file.to_owned()), message, help }
    }

    /// An error at some bytes of the file.
    pub(super) fn at(
        file: &Path,
        text: &str,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) -> Self {
        let line = tree::line_at(text, span.start);
        let before = text.get(..line.start).unwrap_or_default();
        let indent = text.get(line.start..span.start).unwrap_or_default();
        let content = text.get(line.clone()).unwrap_or_default();
        let marked = text.get(span.start..span.end.min(line.end)).unwrap_or_default();
        let place = Place::Line {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: indent.chars().count() + 1,
            excerpt: Excerpt::new(content.trim_end_matches('\r'), indent, marked.chars().count()),
        };
        Self { place, message, help }
    }

    /// An error in the value or the name of an environment variable.
    pub(super) fn in_environment(variable: String, message: String, help: Option<String>) -> Self {
        Self { place: Place::Environment(variable), message, help }
    }
}

impl ConfigError {
    /// The error in one line, for a log; nothing of the file's own text is in it but the names of keys and values.
    pub fn summary(&self) -> String {
        let place = match &self.place {
            Place::File(file) => file.display().to_string(),
            Place::Line { file, line, column, .. } => format!("{}:{line}:{column}", file.display()),
            Place::Environment(variable) => variable.clone(),
        };
        let help = self.help.as_ref().map_or_else(String::new, |help| format!(" (help: {help})"));
        format!("{place}: {}{help}", self.message)
    }
}

impl Excerpt {
    fn new(line: &str, indent: &str, width: usize) -> Self {
        let shown = masked(line);
        let room = shown.chars().count().saturating_sub(indent.chars().count());
        Self {
            indent: indent.chars().map(|c| if c == '\t' { c } else { ' ' }).collect(),
            width: width.min(room).max(1),
            line: shown,
        }
    }
}

/// The line as it may be shown in a log: a secret written into the file by mistake, or a URL's user and password, is
/// cut off with all that follows.
fn masked(line: &str) -> String {
    const SECRETS: [&str; 7] = [
        "client_secret",
        "client-secret",
        "clientsecret",
        "hash_key",
        "hash-key",
        "hashkey",
        "password",
    ];
    let lower = line.to_ascii_lowercase();
    let after_key =
        SECRETS.iter().flat_map(|secret| lower.match_indices(secret)).filter_map(|(at, secret)| {
            let end = at + secret.len();
            let rest = lower.get(end..)?;
            (!rest.starts_with("_file")).then_some(end)
        });
    let after_scheme = line.match_indices("://").find_map(|(at, separator)| {
        let start = at + separator.len();
        let authority = line.get(start..)?.split(['/', '"', '\'']).next()?;
        authority.contains('@').then_some(start)
    });
    match after_key.chain(after_scheme).min() {
        Some(end) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gutter = String::from(" ");
        match &self.place {
            Place::File(file) => write!(f, "{}: {}", file.display(), self.message)?,
            Place::Environment(variable) => write!(f, "{variable}: {}", self.message)?,
            Place::Line { file, line, column, excerpt } => {
                let number = line.to_string();
                gutter = " ".repeat(number.len());
                let Excerpt { line: content, indent, width } = excerpt;
                write!(f, "{}:{line}:{column}: {}", file.display(), self.message)?;
                write!(f, "\n{gutter} |\n{number} | {content}")?;
                write!(f, "\n{gutter} | {indent}{}", "^".repeat(*width))?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n{gutter} = help: {help}"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with the configuration, in the order of the file, the environment last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<ConfigError>);

impl Errors {
    /// Errors in the order given; there is at least one.
    pub(super) fn new(errors: Vec<ConfigError>) -> Self {
        Self(errors)
    }

    /// A single error.
    pub(super) fn of(error: ConfigError) -> Self {
        Self(vec![error])
    }

    /// The errors one by one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has an error")?,
            count => write!(f, "the configuration has {count} errors")?,
        }
        self.0.iter().try_for_each(|error| write!(f, "\n\n{error}"))
    }
}

impl Error for Errors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_and_a_password_are_masked() {
        for (line, shown) in [
            (r#"client_secret = "hunter2""#, "client_secret…"),
            (r#"api = { client_id = "x", client_secret = "hunter2" }"#, {
                r#"api = { client_id = "x", client_secret…"#
            }),
            (r#"hash_key = "hunter2""#, "hash_key…"),
            (r#"clientSecret "hunter2""#, "clientSecret…"),
            (r#"hash_key_file = "key""#, r#"hash_key_file = "key""#),
            (r#"base_url = "https://user:hunter2@host""#, r#"base_url = "https://…"#),
            (r#"client_secret_file = "secret""#, r#"client_secret_file = "secret""#),
            (r#"base_url = "https://host/@x""#, r#"base_url = "https://host/@x""#),
        ] {
            assert_eq!(masked(line), shown);
        }
    }

    #[test]
    fn the_mark_stays_below_the_text_after_tabs_and_wide_letters() {
        let text = "a = 1\n\té = \"x\"\n";
        let at = text.find("\"x\"").expect("it is there");
        let error = ConfigError::at(
            Path::new("f"),
            text,
            at..at + 3,
            "is wrong".into(),
            Some("mend".into()),
        );
        assert_eq!(
            error.to_string(),
            "f:2:6: is wrong\n  |\n2 | \té = \"x\"\n  | \t    ^^^\n  = help: mend"
        );
    }

    #[test]
    fn a_place_at_the_very_end_is_shown() {
        let error = ConfigError::at(Path::new("f"), "a", 1..1, "is wrong".into(), None);
        assert_eq!(error.to_string(), "f:1:2: is wrong\n  |\n1 | a\n  |  ^");
    }
}
