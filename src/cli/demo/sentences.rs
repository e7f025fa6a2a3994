//! What the demo says of what has happened, from the counts alone.

use super::{
    super::table::{counted, thousands},
    stage::{FAILURE, REQUESTS},
};
use crate::store::RowCounts;

/// What the simulator has met so far, and what of its records is in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    /// Requests that got a 429.
    pub(super) limited: u64,
    /// Those of them that were over the limit; the others were put in.
    pub(super) over_limit: u64,
    /// Requests that got a 5xx.
    pub(super) failed: u64,
    /// The most requests that an endpoint got within a minute.
    pub(super) busiest_minute: u64,
    /// Records that it has now.
    pub(super) listed: u64,
    /// By how many the file has too few.
    pub(super) missing: u64,
    /// How many more there are in the file that are not marked as deleted.
    pub(super) no_longer_listed: u64,
}

impl Met {
    /// What went wrong on the way, and what that did to the data.
    pub(super) fn troubles(&self) -> String {
        let refused =
            (self.limited > 0).then(|| format!("was refused {} (429)", times(self.limited)));
        let failed =
            (self.failed > 0).then(|| format!("failed {} ({FAILURE})", times(self.failed)));
        let troubles: Vec<String> = refused.into_iter().chain(failed).collect();
        let troubles =
            if troubles.is_empty() { "met no trouble".to_owned() } else { troubles.join(" and ") };
        let listed = counted(self.listed, "record");
        match self.missing {
            0 => format!("It {troubles}, and nothing was lost: all {listed} are in the file."),
            missing => format!(
                "It {troubles}, and of {listed} {} are missing in the file.",
                thousands(missing)
            ),
        }
    }

    /// Whether the limit was kept.
    pub(super) fn limit(&self) -> String {
        let put_in = match self.limited.saturating_sub(self.over_limit) {
            0 => "no 429 came".to_owned(),
            1 => "no 429 came but the one put in".to_owned(),
            more => format!("no 429 came but the {more} put in"),
        };
        match self.over_limit {
            0 => format!(
                "No request went over the limit: the busiest minute of an endpoint had {} of the {REQUESTS} that it \
                 takes, and {put_in}.",
                self.busiest_minute
            ),
            over => format!("{} went over the limit.", counted(over, "request")),
        }
    }
}

/// What became of a later sync's rows.
pub(super) fn rows(rows: RowCounts, deleted: u64, met: &Met) -> String {
    let written = format!(
        "{} new and {} changed. The other {} are in the file as they were, and were not written.",
        count_of_rows(rows.new),
        thousands(rows.changed),
        thousands(rows.unchanged)
    );
    let gone = match deleted {
        0 => String::new(),
        more => {
            format!(" {} no longer returned and marked as deleted.", count_of_rows(more))
        }
    };
    let unsure = match met.no_longer_listed {
        0 => String::new(),
        more => format!(
            " {} not returned this time: a row is marked as deleted once two reads agree.",
            count_of_rows(more)
        ),
    };
    format!("{written}{gone}{unsure}")
}

fn count_of_rows(count: u64) -> String {
    format!("{} {}", counted(count, "row"), if count == 1 { "is" } else { "are" })
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{} times", thousands(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Met = Met {
        limited: 1,
        over_limit: 0,
        failed: 1,
        busiest_minute: 20,
        listed: 9_604,
        missing: 0,
        no_longer_listed: 0,
    };

    #[test]
    fn what_went_wrong_is_told_by_its_counts() {
        let told = [
            GOOD,
            Met { limited: 2, failed: 0, ..GOOD },
            Met { limited: 0, failed: 3, missing: 12, ..GOOD },
            Met { limited: 0, failed: 0, ..GOOD },
        ]
        .map(|met| met.troubles());
        assert_eq!(
            told,
            [
                "It was refused once (429) and failed once (503), and nothing was lost: all 9,604 records are in the file.",
                "It was refused twice (429), and nothing was lost: all 9,604 records are in the file.",
                "It failed 3 times (503), and of 9,604 records 12 are missing in the file.",
                "It met no trouble, and nothing was lost: all 9,604 records are in the file.",
            ]
        );
    }

    #[test]
    fn a_limit_that_was_not_kept_is_told_too() {
        let told = [
            GOOD,
            Met { limited: 0, busiest_minute: 7, ..GOOD },
            Met { limited: 3, over_limit: 2, ..GOOD },
        ]
        .map(|met| met.limit());
        assert_eq!(
            told,
            [
                "No request went over the limit: the busiest minute of an endpoint had 20 of the 20 that it takes, and \
                 no 429 came but the one put in.",
                "No request went over the limit: the busiest minute of an endpoint had 7 of the 20 that it takes, and no \
                 429 came.",
                "2 requests went over the limit.",
            ]
        );
    }

    #[test]
    fn rows_are_told_by_what_became_of_them() {
        let counts = RowCounts { new: 1, changed: 757, unchanged: 8_117, again: 0, conflicting: 0 };
        let met = Met { no_longer_listed: 727, ..GOOD };
        assert_eq!(
            rows(counts, 0, &met),
            "1 row is new and 757 changed. The other 8,117 are in the file as they were, and were not written. \
             727 rows are not returned this time: a row is marked as deleted once two reads agree."
        );
        assert!(
            rows(counts, 1, &GOOD)
                .ends_with("written. 1 row is no longer returned and marked as deleted.")
        );
        assert!(rows(counts, 0, &GOOD).ends_with("and were not written."));
    }
}
