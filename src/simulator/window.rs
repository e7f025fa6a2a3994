//! The range of dates that a request asks for.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::{query::Parameters, settings::Windows};

/// A range of local times, both ends included, and the moment after which a record must have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Option<NaiveDateTime>,
    pub(crate) to: Option<NaiveDateTime>,
    pub(crate) updated_after: Option<NaiveDateTime>,
}

/// What a parameter says: a day, or a time of it.
#[derive(Clone, Copy)]
enum Bound {
    Day(NaiveDate),
    Time(NaiveDateTime),
}

impl Bound {
    fn read(text: &str) -> Option<Self> {
        if let Ok(day) = text.parse() {
            return Some(Self::Day(day));
        }
        // ASP.NET takes a zone, too; local times have none, so it says nothing here.
        let local = text.strip_suffix('Z').unwrap_or(text);
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(local, format).ok())
            .map(Self::Time)
    }

    const fn day(self) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::Time(time) => time.date(),
        }
    }

    const fn earliest(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN),
            Self::Time(time) => time,
        }
    }

    /// A day is meant whole.
    fn latest(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN) + TimeDelta::seconds(24 * 60 * 60 - 1),
            Self::Time(time) => time,
        }
    }
}

impl Parameters<'_> {
    /// The range between `startDate` and `endDate`, which is `startDate`'s day where it is left out, as documented of
    /// v1. Where neither is given, and none is required, it is everything.
    pub(crate) fn window(&mut self, rules: Windows, today: NaiveDate) -> Window {
        let updated_after = self.updated_after();
        let (from, to) = (self.bound("startDate"), self.bound("endDate"));
        if from.is_none() && self.value("startDate").is_none() {
            if rules.required {
                self.refuse("startDate", "The startDate field is required.");
            }
            return Window { from: None, to: to.map(Bound::latest), updated_after };
        }
        let Some(from) = from else { return Window::default() };
        let to = to.unwrap_or(Bound::Day(from.day()));

        // As by subtraction of their days: from one midnight to the next is one.
        let whole = i64::from(matches!(to, Bound::Day(_)));
        let days = to.day().signed_duration_since(from.day()).num_days() + whole;
        if to.latest() < from.earliest() {
            self.refuse("endDate", "The endDate must not lie before the startDate.");
        } else if rules.max_days > 0 && u64::try_from(days).is_ok_and(|days| days > rules.max_days)
        {
            let most = rules.max_days;
            self.refuse("endDate", format!("The date range must not exceed {most} days."));
        }
        let past = today.signed_duration_since(from.day()).num_days();
        if let Some(most) = rules.max_past_days
            && u64::try_from(past).is_ok_and(|past| past > most)
        {
            let reason = format!("The startDate must not lie more than {most} days in the past.");
            self.refuse("startDate", reason);
        }
        Window { from: Some(from.earliest()), to: Some(to.latest()), updated_after }
    }

    /// The moment, in UTC, after which a record must have changed.
    pub(crate) fn updated_after(&mut self) -> Option<NaiveDateTime> {
        self.bound("updatedAfter").map(Bound::earliest)
    }

    fn bound(&mut self, parameter: &'static str) -> Option<Bound> {
        let text = self.value(parameter)?;
        let bound = Bound::read(&text);
        if bound.is_none() {
            self.refuse_value(parameter, &text);
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 6, 30).expect("a day of the calendar");

    fn window(query: &str, rules: Windows) -> Result<Window, Vec<(&'static str, String)>> {
        let mut parameters = Parameters::of(query);
        let window = parameters.window(rules, TODAY);
        let refused: Vec<(&str, String)> = parameters
            .invalid
            .into_iter()
            .map(|(parameter, reasons)| (parameter, reasons.join(" ")))
            .collect();
        if refused.is_empty() { Ok(window) } else { Err(refused) }
    }

    fn range(query: &str) -> (String, String) {
        let window = window(query, Windows::default()).expect("a good query");
        let text = |bound: Option<NaiveDateTime>| {
            bound.map_or("open".to_owned(), |bound| bound.format("%m-%dT%H:%M:%S").to_string())
        };
        (text(window.from), text(window.to))
    }

    fn refused(query: &str, rules: Windows) -> Vec<(&'static str, String)> {
        window(query, rules).expect_err("a wrong query")
    }

    #[test]
    fn a_day_is_meant_whole_and_a_time_to_the_second() {
        let expected = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            range("startDate=2026-06-09&endDate=2026-06-10"),
            expected("06-09T00:00:00", "06-10T23:59:59")
        );
        assert_eq!(
            range("startDate=2026-06-09T00:00&endDate=2026-06-10T12:30:05"),
            expected("06-09T00:00:00", "06-10T12:30:05")
        );
        assert_eq!(
            range("startDate=2026-06-09T07:00Z"),
            expected("06-09T07:00:00", "06-09T23:59:59")
        );
        assert_eq!(range(""), expected("open", "open"));
        assert_eq!(range("endDate=2026-06-09"), expected("open", "06-09T23:59:59"));
    }

    #[test]
    fn what_is_no_date_or_the_wrong_way_round_is_refused() {
        for text in ["", "today", "2026-02-30", "2026-6", "09-06-2026", "2026-06-09T25:00"] {
            let refused = refused(&format!("startDate={text}"), Windows::default());
            assert_eq!(refused, [("startDate", format!("The value '{text}' is not valid."))]);
        }
        let backwards = refused("startDate=2026-06-10&endDate=2026-06-09", Windows::default());
        assert_eq!(backwards[0].0, "endDate");
    }

    #[test]
    fn a_range_that_is_too_wide_or_too_far_back_is_refused_and_the_widest_is_not() {
        let rules = Windows { max_days: 7, max_past_days: Some(30), required: true };
        let accepted = |query| window(query, rules).is_ok();

        assert!(accepted("startDate=2026-05-31&endDate=2026-06-06"));
        assert!(accepted("startDate=2026-05-31T00:00&endDate=2026-06-07T00:00"));
        assert_eq!(
            refused("startDate=2026-05-31&endDate=2026-06-07", rules),
            [("endDate", "The date range must not exceed 7 days.".to_owned())]
        );
        assert_eq!(
            refused("startDate=2026-05-30", rules),
            [("startDate", "The startDate must not lie more than 30 days in the past.".to_owned())]
        );
        assert_eq!(
            refused("", rules),
            [("startDate", "The startDate field is required.".to_owned())]
        );
    }
}
