use proptest::prelude::*;

use super::*;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

fn news(kind: AlertKind, endpoint: &str, holds: bool) -> News {
    let message = holds.then(|| format!("{endpoint} is in trouble"));
    News::new(kind, endpoint, message)
}

/// Hears news and tells the webhook, if that takes it; what it was told.
fn hear(alerts: &mut Vec<Alert>, news: &[News], takes_it: bool, minutes: i64) -> Vec<Turn> {
    take_in(alerts, news, |_| true, at(minutes));
    let mut turns = Vec::new();
    for alert in alerts {
        if let Some(turn) = turn(alert, alert.webhook).filter(|_| takes_it) {
            note(&mut alert.webhook, turn, at(minutes));
            turns.push(turn);
        }
    }
    turns
}

#[test]
fn each_beginning_and_each_end_is_told_once() {
    let (mut alerts, kind) = (Vec::new(), AlertKind::Failed);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", true)], true, 0), [Turn::Began]);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", true)], true, 1), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", false)], true, 2), [Turn::Ended]);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", false)], true, 3), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", true)], true, 4), [Turn::Began]);
    assert_eq!(alerts.first().map(|alert| alert.since), Some(at(4)));
}

#[test]
fn who_could_not_be_told_is_told_later_and_of_what_is_over_by_then_not_at_all() {
    let (mut alerts, kind) = (Vec::new(), AlertKind::Stale);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", true)], false, 0), []);
    assert_eq!(hear(&mut alerts, &[], true, 1), [Turn::Began]);
    // The end is not told, and it begins anew: for who listens it has gone on.
    assert_eq!(hear(&mut alerts, &[news(kind, "users", false)], false, 2), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", true)], true, 3), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "rooms", true)], false, 4), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "rooms", false)], true, 5), []);
    assert_eq!(alerts.len(), 1);
}

#[test]
fn an_outage_is_one_alert_until_the_last_endpoint_is_back() {
    let (mut alerts, kind) = (Vec::new(), AlertKind::Unreachable);
    let both = [news(kind, "users", true), news(kind, "rooms", true)];
    assert_eq!(hear(&mut alerts, &both, true, 0), [Turn::Began]);
    assert_eq!(hear(&mut alerts, &[news(kind, "rooms", false)], true, 1), []);
    assert_eq!(hear(&mut alerts, &[news(kind, "users", false)], true, 2), [Turn::Ended]);

    let refused =
        [news(AlertKind::Credentials, "", true), news(AlertKind::Credentials, "users", true)];
    assert_eq!(hear(&mut alerts, &refused, true, 3), [Turn::Began]);
    let good = [news(AlertKind::Credentials, "rooms", false)];
    assert_eq!(hear(&mut alerts, &good, true, 4), [Turn::Ended]);
}

#[test]
fn an_endpoint_that_is_no_longer_configured_is_forgotten_and_so_is_what_ended_long_ago() {
    let mut alerts = Vec::new();
    let heard = [
        news(AlertKind::Failed, "users", true),
        news(AlertKind::Unreachable, "users", true),
        news(AlertKind::Failed, "rooms", true),
    ];
    assert_eq!(hear(&mut alerts, &heard, true, 0).len(), 3);
    take_in(&mut alerts, &[], |name| name != "users", at(1));
    let left: Vec<_> = alerts.iter().map(|alert| (alert.kind, alert.ended_at)).collect();
    assert_eq!(left, [(AlertKind::Unreachable, Some(at(1))), (AlertKind::Failed, None)]);
    hear(&mut alerts, &[news(AlertKind::Failed, "rooms", false)], true, 2);
    take_in(&mut alerts, &[], |_| true, at(2 + 31 * 24 * 60));
    assert_eq!(alerts, []);
}

proptest! {
    /// Whatever happens, and whenever the channel works: what it was told alternates, and in the end it knows how it is.
    #[test]
    fn a_channel_hears_beginnings_and_ends_in_turn(
        steps in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..40)
    ) {
        let mut alerts = Vec::new();
        let mut told = Vec::new();
        let mut holds = false;
        for (minute, (is_heard, trouble, takes_it)) in (0..).zip(steps) {
            let heard = is_heard.then(|| news(AlertKind::Failed, "users", trouble));
            holds = heard.as_ref().map_or(holds, |news| news.message.is_some());
            told.extend(hear(&mut alerts, heard.as_slice(), takes_it, minute));
        }
        told.extend(hear(&mut alerts, &[], true, 100));
        for (index, turn) in told.iter().enumerate() {
            let expected = if index % 2 == 0 { Turn::Began } else { Turn::Ended };
            prop_assert_eq!(*turn, expected);
        }
        prop_assert_eq!(told.last() == Some(&Turn::Began), holds);
    }
}
