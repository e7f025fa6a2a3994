//! What servers say, what they might say, and what nobody should say.

use proptest::prelude::*;

use super::*;

const PER: Duration = Duration::from_mins(1);

/// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
const RFC_MOMENT: i64 = 784_111_777;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(RFC_MOMENT, 0).expect("a valid moment")
}

fn pause(hints: Hints<'_>) -> u64 {
    let length = pause_length(&hints, PER, now());
    assert_eq!(length.subsec_nanos(), 0, "whole seconds in, whole seconds out: {hints:?}");
    length.as_secs()
}

fn header(value: &str) -> u64 {
    pause(Hints { retry_after: Some(value), ..Hints::default() })
}

fn message(text: &str) -> u64 {
    pause(Hints { message: Some(text), ..Hints::default() })
}

#[test]
fn seconds_get_one_more_for_the_fraction_that_the_server_cut_off() {
    assert_eq!(header("289"), 290);
    assert_eq!(header(" 1 "), 2);
}

#[test]
fn a_fraction_of_a_second_is_kept() {
    let hints = Hints { retry_after: Some("1.5"), ..Hints::default() };
    assert_eq!(pause_length(&hints, PER, now()), Duration::from_millis(2_500));
}

#[test]
fn all_three_forms_of_an_http_date_are_read_against_the_date_of_the_response() {
    for end in [
        "Sun, 06 Nov 1994 08:51:17 GMT",
        "Sunday, 06-Nov-94 08:51:17 GMT",
        "Sun Nov  6 08:51:17 1994",
    ] {
        let hints = Hints {
            retry_after: Some(end),
            date: Some("Sun, 06 Nov 1994 08:49:37 GMT"),
            message: None,
        };
        let elsewhen = DateTime::from_timestamp(RFC_MOMENT + 5_000, 0).expect("a valid moment");
        assert_eq!(pause_length(&hints, PER, elsewhen), Duration::from_secs(101), "{end}");
    }
}

#[test]
fn an_http_date_is_read_against_our_clock_where_the_response_has_no_readable_date() {
    let end = Some("Sun, 06 Nov 1994 08:51:17 GMT");
    assert_eq!(pause(Hints { retry_after: end, date: None, message: None }), 101);
    assert_eq!(pause(Hints { retry_after: end, date: Some("yesterday"), message: None }), 101);
}

#[test]
fn a_past_date_counts_as_one_whole_period() {
    assert_eq!(header("Sun, 06 Nov 1994 08:49:36 GMT"), 60);
    assert_eq!(header("Sun, 06 Nov 1994 08:49:37 GMT"), 60);
}

#[test]
fn zero_and_nonsense_count_as_one_whole_period() {
    for value in [
        "0", "000", "0.0", "-5", "+5", "", " ", "soon", "1e3", "NaN", "inf", "1.2.3", ".", "12 s",
        "５",
    ] {
        assert_eq!(header(value), 60, "{value:?}");
    }
    for text in [
        "",
        "Try again in 0 seconds.",
        "Try again in -5 seconds.",
        "429",
        "Try again later.",
        "in in in",
    ] {
        assert_eq!(message(text), 60, "{text:?}");
    }
}

#[test]
fn silence_counts_as_one_whole_period() {
    assert_eq!(pause(Hints::default()), 60);
}

#[test]
fn nothing_lasts_longer_than_a_day() {
    let day = 86_400;
    for value in ["86400", "86401", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(header(value), day, "{value}");
    }
    assert_eq!(message("Try again in 400 days"), day);
    assert_eq!(pause_length(&Hints::default(), Duration::MAX, now()), LONGEST_PAUSE);
}

#[test]
fn a_period_of_nothing_still_pauses() {
    assert_eq!(pause_length(&Hints::default(), Duration::ZERO, now()), SHORTEST_PERIOD);
}

#[test]
fn the_documented_messages_are_understood() {
    assert_eq!(message("Rate limit is exceeded. Try again in 289 seconds."), 290);
    assert_eq!(message("Out of call volume quota. Quota will be replenished in 01:22:33."), 4_954);
    assert_eq!(
        message("Out of call volume quota. Quota will be replenished in 0.23:59:00."),
        86_341
    );
    assert_eq!(
        message("Out of call volume quota. Quota will be replenished in 1.02:03:04."),
        86_400
    );
}

#[test]
fn other_ways_to_say_it_are_understood() {
    assert_eq!(message("try again in 5 minutes"), 301);
    assert_eq!(message("Please retry after 1 hour and 30 minutes."), 5_401);
    assert_eq!(message("Retry in 2m 30s"), 151);
    assert_eq!(message("Too many requests (wait 45 sec)"), 46);
    assert_eq!(message("Try again in 17"), 18);
    assert_eq!(message("Available once more 90 seconds from now"), 91);
    assert_eq!(message("TRY AGAIN IN 3 HOURS!"), 10_801);
}

#[test]
fn the_number_that_is_the_limit_is_not_taken_for_the_wait() {
    assert_eq!(
        message("Limit of 20 requests in 300 seconds exceeded, try again in 41 seconds"),
        42
    );
    assert_eq!(message("Error 429: 20 requests a minute. Try again in 7 seconds."), 8);
    assert_eq!(message("20 calls per endpoint"), 60);
}

#[test]
fn the_header_decides_over_the_message() {
    let text = Some("Try again in 289 seconds.");
    assert_eq!(pause(Hints { retry_after: Some("12"), date: None, message: text }), 13);
}

#[test]
fn beside_an_unusable_header_the_message_can_only_lengthen_the_pause() {
    let with = |text| pause(Hints { retry_after: Some("0"), date: None, message: Some(text) });
    assert_eq!(with("Try again in 289 seconds."), 290);
    assert_eq!(with("Try again in 2 seconds."), 60);
}

/// Texts that come near to what is understood, so that the odd corners are reached.
fn hint() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,30}",
        "[0-9.:,-]{0,12}",
        Just("try again in ".to_owned()),
        Just("retry after".to_owned()),
        Just(" and ".to_owned()),
        Just(" seconds".to_owned()),
        Just("hours".to_owned()),
        Just("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        Just("Sunday, 31-Feb-70 23:59:60 GMT".to_owned()),
        "[A-Za-z]{3}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        "\\PC{0,10}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_a_server_says_the_pause_is_more_than_nothing_and_at_most_a_day(
        retry_after in prop::option::of(hint()),
        date in prop::option::of(hint()),
        message in prop::option::of(hint()),
        per in any::<Duration>(),
        now in -8_000_000_000_000_i64..8_000_000_000_000,
    ) {
        let hints =
            Hints { retry_after: retry_after.as_deref(), date: date.as_deref(), message: message.as_deref() };
        let now = DateTime::from_timestamp(now, 0).expect("a moment that chrono can tell");
        let length = pause_length(&hints, per, now);
        prop_assert!(length > Duration::ZERO && length <= LONGEST_PAUSE, "{length:?}");
    }

    #[test]
    fn stated_seconds_are_never_cut_short(seconds in 1_u32..86_399) {
        let expected = u64::from(seconds) + 1;
        prop_assert_eq!(header(&seconds.to_string()), expected);
        prop_assert_eq!(message(&format!("Rate limit is exceeded. Try again in {seconds} seconds.")), expected);
        let face = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        prop_assert_eq!(message(&format!("Quota will be replenished in {face}.")), expected);
    }
}
