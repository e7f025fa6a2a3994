//! The figures: medians with their spread, and the goals that they are held against.

use std::time::Duration;

use serde_json::{Value, json};

/// What a figure is meant to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// Something measured, once or several times.
#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    goal: Option<Goal>,
    /// In order of size; never empty.
    samples: Vec<f64>,
}

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    list: Vec<Figure>,
    /// Whether the goals hold for what was measured: they are about the sizes of a whole run.
    with_goals: bool,
}

impl Figures {
    /// None yet.
    pub(crate) fn new(with_goals: bool) -> Self {
        Self { list: Vec::new(), with_goals }
    }

    /// Adds what is only told.
    pub(crate) fn tell(&mut self, name: impl Into<String>, unit: &'static str, samples: Vec<f64>) {
        self.add(Figure { name: name.into(), unit, goal: None, samples });
    }

    /// Adds what is held against a goal.
    pub(crate) fn hold(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        goal: Goal,
        samples: Vec<f64>,
    ) {
        self.add(Figure {
            name: name.into(),
            unit,
            goal: self.with_goals.then_some(goal),
            samples,
        });
    }

    fn add(&mut self, mut figure: Figure) {
        figure.samples.sort_by(f64::total_cmp);
        if !figure.samples.is_empty() {
            self.list.push(figure);
        }
    }

    /// As JSON, one object a figure.
    pub(crate) fn to_json(&self) -> Value {
        self.list.iter().map(Figure::to_json).collect()
    }

    /// The table for a terminal.
    pub(crate) fn to_text(&self) -> String {
        let mut rows = vec![HEADER.map(str::to_owned)];
        rows.extend(self.list.iter().map(Figure::cells));
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..HEADER.len()).map(|column| width(column).unwrap_or(0)).collect();
        let line = |row: &[String; 8]| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(at, (cell, width))| match at {
                    0 | 7 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        rows.iter().map(line).collect()
    }

    /// The table for a page in Markdown.
    pub(crate) fn to_markdown(&self) -> String {
        let line = |row: &[String; 8]| format!("| {} |\n", row.join(" | "));
        let mut text = line(&HEADER.map(str::to_owned));
        text.push_str("| --- | ---: | ---: | ---: | ---: | --- | --- | --- |\n");
        text.extend(self.list.iter().map(|figure| line(&figure.cells())));
        text
    }
}

const HEADER: [&str; 8] = ["figure", "median", "min", "max", "samples", "unit", "goal", "reached"];

impl Figure {
    fn median(&self) -> f64 {
        let middle = self.samples.len() / 2;
        let at = |index: usize| self.samples.get(index).copied().unwrap_or(f64::NAN);
        if self.samples.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        }
    }

    fn spread(&self) -> (f64, f64) {
        let end = |sample: Option<&f64>| sample.copied().unwrap_or(f64::NAN);
        (end(self.samples.first()), end(self.samples.last()))
    }

    fn reached(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtLeast(bound) => self.median() >= bound,
            Goal::AtMost(bound) => self.median() <= bound,
        })
    }

    fn cells(&self) -> [String; 8] {
        let (min, max) = self.spread();
        let goal = self.goal.map(|goal| match goal {
            Goal::AtLeast(bound) => format!("≥ {bound}"),
            Goal::AtMost(bound) => format!("≤ {bound}"),
        });
        let reached = self.reached().map(|reached| if reached { "yes" } else { "no" });
        [
            self.name.clone(),
            number(self.median()),
            number(min),
            number(max),
            self.samples.len().to_string(),
            self.unit.to_owned(),
            goal.unwrap_or_default(),
            reached.unwrap_or_default().to_owned(),
        ]
    }

    fn to_json(&self) -> Value {
        let (min, max) = self.spread();
        let goal = self.goal.map(|goal| match goal {
            Goal::AtLeast(bound) => json!({ "at_least": bound }),
            Goal::AtMost(bound) => json!({ "at_most": bound }),
        });
        json!({
            "name": self.name,
            "unit": self.unit,
            "goal": goal,
            "median": self.median(),
            "min": min,
            "max": max,
            "samples": self.samples,
            "reached": self.reached(),
        })
    }
}

/// A number with the digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// How many a second.
pub(crate) fn rate(count: u64, within: Duration) -> f64 {
    real(count) / within.as_secs_f64()
}

/// Bytes as MiB.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    real(bytes) / f64::from(1 << 20)
}
