//! What a person at a shell sees: help, progress, the summary, the demo; and what a pipe gets.

mod completions;
mod demo;
mod help;
mod manual;
mod pipes;
mod run_now;
mod simulate;
mod version;

/// The widest line that still fits a plain terminal.
const COLUMNS: usize = 80;

/// The lines that are wider than a plain terminal.
fn too_wide(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.chars().count() > COLUMNS).collect()
}
