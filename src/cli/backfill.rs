//! `--run-now --from DATE --to DATE`: dates asked for by hand, instead of the endpoints' windows.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};
use clap::Args;

use crate::{
    store::Dates,
    sync::{EndpointSettings, JobSettings},
};

/// The dates of a backfill.
#[derive(Debug, Args)]
pub(super) struct DatesArgs {
    /// With --run-now: ask for the dates from this one on instead of the windows
    #[arg(long, value_name = "DATE", value_parser = date, requires_all = ["run_now", "to"])]
    from: Option<NaiveDate>,

    /// With --run-now: ask for the dates up to this one, included
    #[arg(long, value_name = "DATE", value_parser = date, requires_all = ["run_now", "from"])]
    to: Option<NaiveDate>,
}

impl DatesArgs {
    /// The dates, if any were given.
    pub(super) fn dates(&self) -> Result<Option<Dates>, String> {
        let (Some(from), Some(to)) = (self.from, self.to) else { return Ok(None) };
        if from > to {
            return Err(format!("`--from {from}` lies after `--to {to}`"));
        }
        Ok(Some(Dates { from, to }))
    }
}

/// Reads a date; years of four digits only, since others would not be sorted as text.
fn date(text: &str) -> Result<NaiveDate, String> {
    let read = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    read.filter(|date| text.len() == 10 && (1000..=9999).contains(&date.year()))
        .ok_or_else(|| "not a date such as 2026-03-31".to_owned())
}

/// The jobs with those endpoints only that can be asked for dates, each once, and the names of the others.
pub(super) fn with_windows(
    jobs: Vec<JobSettings>,
    endpoints: &[EndpointSettings],
) -> Result<(Vec<JobSettings>, Vec<String>), String> {
    let has_window = |name: &String| {
        endpoints.iter().any(|endpoint| endpoint.name == *name && endpoint.window.is_some())
    };
    let (mut taken, mut left_out, mut chosen) = (HashSet::new(), Vec::new(), Vec::new());
    for mut job in jobs {
        let (windowed, others): (Vec<_>, Vec<_>) = job.endpoints.into_iter().partition(has_window);
        left_out.extend(others.into_iter().filter(|name| taken.insert(name.clone())));
        job.endpoints = windowed.into_iter().filter(|name| taken.insert(name.clone())).collect();
        if !job.endpoints.is_empty() {
            chosen.push(job);
        }
    }
    if chosen.is_empty() {
        return Err(format!(
            "`--from` and `--to` are for endpoints with a window, and none of these has one: {}",
            left_out.join(", ")
        ));
    }
    Ok((chosen, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_year_month_and_day_and_nothing_else() {
        assert_eq!(date("2026-02-28"), Ok(NaiveDate::from_ymd_opt(2026, 2, 28).expect("a date")));
        for text in ["", "2026-02-30", "2026-2-28", "26-02-28", "2026-02-28 ", "20260228", "today"]
        {
            assert_eq!(date(text), Err("not a date such as 2026-03-31".to_owned()), "{text}");
        }
    }
}
