//! How long a limiting response asks to wait. An input is the lines `Retry-After`, `Date` and the message; an empty line or
//! none is a header that is not there.

use std::time::Duration;

use chrono::DateTime;
use mapiq_sync::limits::{Hints, LONGEST_PAUSE, pause_length};

const PERIODS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_mins(1), Duration::MAX];

pub(crate) fn hold(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n').map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut line = || lines.next().flatten();
    let hints = Hints { retry_after: line(), date: line(), message: line() };
    let now = DateTime::from_timestamp(1_785_000_000, 0).expect("it is a valid moment");
    let pause = |hints: &Hints<'_>, per| pause_length(hints, per, now);

    let lengths = PERIODS.map(|per| pause(&hints, per));
    for length in lengths {
        assert!((PERIODS[1]..=LONGEST_PAUSE).contains(&length), "{length:?}");
    }
    assert!(lengths.is_sorted(), "a longer period makes no shorter pause: {lengths:?}");

    let seconds = hints.retry_after.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(seconds) = seconds {
        let seconds = seconds.parse().unwrap_or(u64::MAX);
        if seconds > 0 {
            let expected = Duration::from_secs(seconds.saturating_add(1)).min(LONGEST_PAUSE);
            assert!(
                lengths.iter().all(|length| *length == expected),
                "{lengths:?} for {seconds} s"
            );
        }
    }
    // Nonsense in the header never makes a pause shorter than its message alone would.
    let alone = Hints { retry_after: None, ..hints };
    if let Some(header) = hints.retry_after
        && pause(&Hints { message: None, ..hints }, PERIODS[0]) == PERIODS[1]
    {
        for per in PERIODS {
            assert!(pause(&hints, per) >= pause(&alone, per), "`{header}` shortens the pause");
        }
    }
}
