//! What an analyst would ask, in SQL that can be copied: what is shown is what is run.

use std::{fmt::Write, path::Path};

use anyhow::Result;

use super::{super::look::Look, bars::barred};
use crate::store;

/// A question, and how it is asked.
pub(super) struct Question {
    words: &'static str,
    sql: &'static str,
    /// The columns of the answer that get bars.
    barred: &'static [&'static str],
}

pub(super) const QUESTIONS: [Question; 3] = [
    Question {
        words: "How full is each building on each weekday, in percent of its desks?",
        sql: include_str!("occupancy.sql"),
        barred: &["Mon", "Tue", "Wed", "Thu", "Fri"],
    },
    Question {
        words: "Who reserves a desk and does not come, in percent of their reservations?",
        sql: include_str!("no_shows.sql"),
        barred: &["Mon_to_Thu", "Fri"],
    },
    Question {
        words: "Which floors are the busiest, in percent of their desks?",
        sql: include_str!("floors.sql"),
        barred: &["average", "peak"],
    },
];

impl Question {
    /// The question, its SQL, and the answer of a database.
    pub(super) async fn answered(&self, database: &Path, look: Look) -> Result<String> {
        let answer = store::query(database, self.sql).await?;
        let mut text = format!("{}\n\n", look.strong(self.words));
        for line in look.sql(self.sql).lines() {
            writeln!(text, "    {line}")?;
        }
        write!(text, "\n{}", look.table(&barred(&answer, self.barred)))?;
        Ok(text)
    }
}
