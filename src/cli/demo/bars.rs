//! Bars beside the numbers of a table.

use super::super::{
    look::EIGHTHS,
    table::{Align, table},
};
use crate::store::Grid;

/// As wide as a plain terminal.
const COLUMNS: usize = 80;

/// Between two columns of a table.
const GAP: usize = 2;

/// A longer bar says no more.
const LONGEST: usize = 24;

/// Lays an answer out as a table: numbers to the right, and in the columns of these names a bar beside each, as long as the
/// terminal's width allows. They share one scale, on which the highest number of all is a whole bar.
pub(super) fn barred(answer: &Grid, of: &[&str]) -> String {
    let column =
        |at: usize| answer.rows.iter().map(move |row| row.get(at).map_or("", String::as_str));
    let is_barred = |at: usize| answer.columns.get(at).is_some_and(|name| of.contains(&&**name));
    let all = || 0..answer.columns.len();
    let width = |at: usize| {
        let title = answer.columns.get(at).map_or(0, |title| title.chars().count());
        column(at).map(|cell| cell.chars().count()).fold(title, usize::max)
    };

    let bars = all().filter(|at| is_barred(*at)).count();
    let taken = all().map(width).sum::<usize>() + GAP * answer.columns.len().saturating_sub(1);
    let room = COLUMNS.saturating_sub(taken).checked_div(bars).unwrap_or(0);
    let longest = room.saturating_sub(1).min(LONGEST);
    let numbers = || all().filter(|at| is_barred(*at)).flat_map(column).filter_map(number);
    let highest = numbers().fold(0.0, f64::max);

    let cell = |at: usize, text: &str| {
        if !is_barred(at) {
            return text.to_owned();
        }
        let share = number(text).map_or(0.0, |number| number / highest);
        let (width, bar) = (width(at), bar(share, longest));
        format!("{text:>width$} {bar:<longest$}")
    };
    let titles: Vec<String> = all()
        .map(|at| {
            let title = answer.columns.get(at).map_or("", String::as_str);
            if is_barred(at) { format!("{title:>0$}", width(at)) } else { title.to_owned() }
        })
        .collect();
    let header: Vec<(&str, Align)> = all()
        .zip(&titles)
        .map(|(at, title)| {
            let is_text = is_barred(at) || !column(at).all(|cell| number(cell).is_some());
            (title.as_str(), if is_text { Align::Left } else { Align::Right })
        })
        .collect();
    let rows: Vec<Vec<String>> = answer
        .rows
        .iter()
        .map(|row| row.iter().enumerate().map(|(at, text)| cell(at, text)).collect())
        .collect();
    table(&header, &rows)
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A bar of a share of so many blocks, to an eighth of one. What is there at all is seen.
fn bar(share: f64, longest: usize) -> String {
    let eighths = longest * EIGHTHS.len();
    let whole = u32::try_from(eighths).map_or(0.0, f64::from);
    let reaches = |eighth: &u32| f64::from(*eighth) <= share * whole + 0.5;
    let filled = (1..).take(eighths).take_while(reaches).count();
    let filled = if share > 0.0 && longest > 0 { filled.max(1) } else { filled };
    let (blocks, rest) = (filled / EIGHTHS.len(), filled % EIGHTHS.len());
    let part = rest.checked_sub(1).and_then(|part| EIGHTHS.get(part));
    std::iter::repeat_n('█', blocks).chain(part.copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_to_an_eighth_of_a_block() {
        let bars = [0.0, 0.001, 0.25, 0.5, 0.53, 0.99, 1.0].map(|share| bar(share, 4));
        assert_eq!(bars, ["", "▏", "█", "██", "██▏", "████", "████"]);
        assert_eq!([bar(1.0, 0), bar(f64::NAN, 4), bar(-1.0, 4)], [""; 3]);
    }

    fn grid(columns: &[&str], rows: &[&[&str]]) -> Grid {
        let texts = |row: &&[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        Grid { columns: texts(&columns), rows: rows.iter().map(texts).collect() }
    }

    #[test]
    fn bars_share_one_scale_and_fill_the_width() {
        let rows: [&[&str]; 3] =
            [&["North wing", "112", "50", "100"], &["West", "7", "", "25"], &["Ö", "9", "1", "0"]];
        let shown =
            barred(&grid(&["place", "desks", "Mon", "Tuesday"], &rows), &["Mon", "Tuesday"]);
        assert_eq!(
            shown,
            "\
place       desks  Mon                          Tuesday
----------  -----  ---------------------------  -------------------------------
North wing    112   50 ███████████▌                 100 ███████████████████████
West            7                                    25 █████▊
Ö               9    1 ▎                              0
"
        );
        assert!(shown.lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn a_table_without_room_or_without_rows_has_no_bars() {
        let wide = "x".repeat(100);
        let shown = barred(&grid(&["name", "n"], &[&[&wide, "3"]]), &["n"]);
        assert!(!shown.contains(EIGHTHS), "{shown}");
        assert_eq!(barred(&Grid::default(), &["n"]), "\n\n");
        assert_eq!(barred(&grid(&["n"], &[&["0"]]), &["n"]).lines().last(), Some("0"));
    }
}
