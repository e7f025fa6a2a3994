//! Weight and colour for a terminal. Only such as are read on light and dark ones alike.

use super::console;

/// The eighths of a block that bars are made of, from one to all.
pub(super) const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

const BOLD: &str = "1";
const DIM: &str = "2";
const CYAN: &str = "36";

/// How results look: plain, or with weight and colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    in_colour: bool,
}

impl Look {
    /// What suits stdout.
    pub(super) fn of_stdout() -> Self {
        Self { in_colour: console::shows_colours() }
    }

    fn painted(self, code: &str, text: &str) -> String {
        if self.in_colour && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A heading, or what must not be overlooked.
    pub(super) fn strong(self, text: &str) -> String {
        self.painted(BOLD, text)
    }

    /// A table: its header strong, its rule faint, the bars in it coloured.
    pub(super) fn table(self, table: &str) -> String {
        let lines = table.split_inclusive('\n').enumerate().map(|(number, line)| {
            let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
            let text = match number {
                0 => self.painted(BOLD, text),
                1 => self.painted(DIM, text),
                _ => self.runs(text, CYAN, |c| EIGHTHS.contains(&c)),
            };
            text + end
        });
        lines.collect()
    }

    /// A statement: its keywords, which are what it has in capitals, strong, and its comments faint.
    pub(super) fn sql(self, sql: &str) -> String {
        let lines = sql.split_inclusive('\n').map(|line| {
            let (code, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
            let words = code.split_inclusive(|c: char| !c.is_ascii_alphabetic()).map(|piece| {
                let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
                let is_keyword = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
                let rest = piece.trim_start_matches(word);
                if is_keyword { self.painted(BOLD, word) + rest } else { piece.to_owned() }
            });
            let (comment, end) =
                comment.strip_suffix('\n').map_or((comment, ""), |comment| (comment, "\n"));
            words.collect::<String>() + &self.painted(DIM, comment) + end
        });
        lines.collect()
    }

    /// A text, its runs of such characters painted.
    fn runs(self, text: &str, code: &str, is_such: impl Fn(char) -> bool) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(&is_such) {
            let (before, from) = rest.split_at(start);
            let (run, after) = from.split_at(from.find(|c| !is_such(c)).unwrap_or(from.len()));
            out.push_str(before);
            out.push_str(&self.painted(code, run));
            rest = after;
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: Look = Look { in_colour: true };
    const PLAIN: Look = Look { in_colour: false };

    /// Escape sequences spelled so that they can be read.
    fn seen(text: &str) -> String {
        text.replace("\u{1b}[0m", ">").replace("\u{1b}[", "<").replace('m', ":")
    }

    #[test]
    fn a_table_has_a_strong_header_a_faint_rule_and_coloured_bars() {
        let table = "day  use\n---  ---\nTue  9 ██▌\nFri  1 ▎  █\n";
        let expected = "<1:day  use>\n<2:---  --->\nTue  9 <36:██▌>\nFri  1 <36:▎>  <36:█>\n";
        assert_eq!(seen(&COLOUR.table(table)), expected);
        assert_eq!(PLAIN.table(table), table);
    }

    #[test]
    fn a_statement_has_strong_keywords_and_faint_comments() {
        let sql = "SELECT a, 'NoShow' AS b\n  FROM t -- NOT this\nWHERE c=1 OR D";
        let expected =
            "<1:SELECT> a, 'NoShow' <1:AS> b\n  <1:FROM> t <2:-- NOT this>\n<1:WHERE> c=1 <1:OR> D";
        assert_eq!(seen(&COLOUR.sql(sql)), expected);
        assert_eq!(PLAIN.sql(sql), sql);
    }
}
