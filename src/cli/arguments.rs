//! Values of arguments that several commands take.

use std::time::Duration;

use crate::config;

/// A length of time, written as in the configuration: `90s`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    config::duration(text)
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "a whole number and one of ms, s, m, h, d: 90s, 2h".to_owned())
}
