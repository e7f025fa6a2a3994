//! The schedules on a simulated clock over ten years in zones with odd clocks, each with the decade in which they were odd.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{
    CatchUp, Tick,
    agenda::{Agenda, Look},
    jitter::{moments_after, next_after},
    next::{scheduled_after, settings},
};
use crate::{
    clock::{BootTime, Now},
    daemon::ScheduleSettings,
    store::{Served, Trigger},
};

/// The zones, each with its first year, and how many of the days of its decade there were none.
const ZONES: [(Tz, i32, usize); 10] = [
    (Tz::Europe__Amsterdam, 2020, 0),
    // Half an hour of daylight saving.
    (Tz::Australia__Lord_Howe, 2020, 0),
    // Its clocks are put back for Ramadan.
    (Tz::Africa__Casablanca, 2015, 0),
    // Three quarters of an hour beside the full hour, and changes at a quarter to three.
    (Tz::Pacific__Chatham, 2020, 0),
    // There was no 30 December 2011.
    (Tz::Pacific__Apia, 2005, 1),
    // Changes at one minute past midnight, back into the day before.
    (Tz::America__St_Johns, 2002, 0),
    (Tz::Asia__Kathmandu, 2020, 0),
    // Two hours of daylight saving.
    (Tz::Antarctica__Troll, 2015, 0),
    // Changes at midnight.
    (Tz::America__Sao_Paulo, 2009, 0),
    // Changes at midnight, not in every year, and four in some.
    (Tz::Africa__Cairo, 2009, 0),
];

/// Times of the day at which clocks are changed in one of them, or are shown twice or not at all.
const TIMES: [(u32, u32); 8] =
    [(0, 0), (0, 30), (1, 0), (2, 0), (2, 30), (3, 15), (12, 0), (23, 30)];

fn utc(zone: Tz, year: i32) -> DateTime<Utc> {
    let noon = NaiveDate::from_ymd_opt(year, 1, 1).and_then(|day| day.and_hms_opt(12, 0, 0));
    let noon = noon.map(|noon| zone.from_local_datetime(&noon));
    noon.and_then(chrono::LocalResult::single)
        .expect("no clock is changed on New Year's Day")
        .to_utc()
}

fn decade((zone, year, _): (Tz, i32, usize)) -> (DateTime<Utc>, DateTime<Utc>) {
    (utc(zone, year), utc(zone, year + 10))
}

fn day(zone: Tz, moment: DateTime<Utc>) -> NaiveDate {
    moment.with_timezone(&zone).date_naive()
}

/// The days of a decade, but for the first, which has begun, and the last, which has not ended.
fn days(of: (Tz, i32, usize)) -> Vec<NaiveDate> {
    let (from, until) = decade(of);
    let (first, last) = (day(of.0, from) + Days::new(1), day(of.0, until));
    let days = first.iter_days().take_while(|day| *day < last);
    let is_there = |day: &NaiveDate| {
        let hours = (0..24).filter_map(|hour| day.and_hms_opt(hour, 59, 59));
        hours.into_iter().any(|time| of.0.from_local_datetime(&time).earliest().is_some())
    };
    days.filter(is_there).collect()
}

/// Numbers that are the same in every run of the tests.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn seconds(&mut self, most: u64) -> TimeDelta {
        TimeDelta::seconds(i64::try_from(self.roll(most)).expect("a small number") + 1)
    }
}

/// A machine's clocks.
struct Clocks {
    wall: DateTime<Utc>,
    boot: TimeDelta,
}

impl Clocks {
    fn at(wall: DateTime<Utc>) -> Self {
        Self { wall, boot: TimeDelta::zero() }
    }

    /// Lets time pass.
    fn pass(&mut self, length: TimeDelta) {
        self.wall += length;
        self.boot += length;
    }

    fn now(&self) -> Now {
        let boot = self.boot.num_nanoseconds().expect("ten years can be counted so");
        Now { wall: self.wall, boot: BootTime::from_nanos(boot) }
    }
}

fn daily((zone, ..): (Tz, i32, usize), (hour, minute): (u32, u32)) -> ScheduleSettings {
    settings(&format!("0 {minute} {hour} * * *"), zone)
}

fn agenda(settings: &ScheduleSettings, served: Option<Served>, now: Now) -> Agenda {
    Agenda::new(vec![settings.clone()], |_| served, now)
}

/// How many ticks each day has.
fn by_day(zone: Tz, ticks: &[Tick]) -> BTreeMap<NaiveDate, usize> {
    let mut days = BTreeMap::new();
    for tick in ticks {
        *days.entry(day(zone, tick.due)).or_default() += 1;
    }
    days
}

/// That each day of a decade has one tick, and in order.
#[track_caller]
fn assert_one_a_day(of: (Tz, i32, usize), ticks: &[Tick], what: &str) {
    assert!(ticks.is_sorted_by(|one, next| one.due < next.due), "{what}: not in order");
    let counted = by_day(of.0, ticks);
    for day in days(of) {
        assert_eq!(counted.get(&day), Some(&1), "{what}: {day}");
    }
}

#[test]
fn the_decades_have_their_oddities() {
    for of in ZONES {
        let (from, until) = decade(of);
        let all = day(of.0, from).iter_days().skip(1).take_while(|next| *next < day(of.0, until));
        assert_eq!(all.count() - days(of).len(), of.2, "{}", of.0);
    }
}

#[test]
fn a_fixed_time_comes_once_on_each_day_that_there_is() {
    for of in ZONES {
        let (from, until) = decade(of);
        for time in TIMES {
            let settings = daily(of, time);
            let moments = moments_after(&settings, from).take_while(|moment| *moment < until);
            let mut last = None;
            let mut found = Vec::new();
            for moment in moments {
                assert!(last < Some(moment), "{} {time:?}: {moment}", of.0);
                last = Some(moment);
                found.push(day(of.0, moment));
            }
            found.retain(|day| *day > self::day(of.0, from) && *day < self::day(of.0, until));
            assert_eq!(found, days(of), "{} {time:?}", of.0);
        }
    }
}

#[test]
fn an_interval_is_even_in_real_time() {
    for of in ZONES {
        let (from, until) = decade(of);
        let settings = settings("0 */30 * * * *", of.0);
        let mut moments = moments_after(&settings, from).take_while(|moment| *moment < until);
        let mut last = moments.next().expect("there is a first");
        for moment in moments {
            assert_eq!(moment - last, TimeDelta::minutes(30), "{}: {moment}", of.0);
            last = moment;
        }
    }
}

#[test]
fn whoever_looks_at_odd_moments_finds_each_day_once() {
    for of in ZONES {
        let mut dice = Dice(1);
        for time in [(0, 0), (2, 30)] {
            let settings = daily(of, time);
            let (from, until) = decade(of);
            let mut clocks = Clocks::at(from);
            let mut agenda = agenda(&settings, None, clocks.now());
            let mut ticks = Vec::new();
            while clocks.wall < until {
                clocks.pass(dice.seconds(6 * 3600));
                ticks.extend(agenda.look(clocks.now()).ticks);
            }
            assert_one_a_day(of, &ticks, &format!("{} {time:?}", of.0));
        }
    }
}

#[test]
fn a_clock_that_is_put_back_by_hours_doubles_no_day_and_skips_none() {
    for of in ZONES {
        let mut dice = Dice(2);
        for time in [(0, 30), (2, 30)] {
            let settings = daily(of, time);
            let (from, until) = decade(of);
            let mut latest = from;
            let mut clocks = Clocks::at(from);
            let mut agenda = agenda(&settings, None, clocks.now());
            let mut ticks = Vec::new();
            while clocks.wall < until {
                clocks.pass(dice.seconds(6 * 3600));
                latest = latest.max(clocks.wall);
                let back = dice.seconds(12 * 3600);
                if dice.roll(10) == 0 && latest - (clocks.wall - back) < TimeDelta::hours(20) {
                    clocks.wall -= back;
                }
                ticks.extend(agenda.look(clocks.now()).ticks);
            }
            assert_one_a_day(of, &ticks, &format!("{} {time:?}", of.0));
        }
    }
}

#[test]
fn a_clock_that_jumps_ahead_is_caught_up_with_once() {
    for of in ZONES {
        let mut dice = Dice(3);
        let settings = daily(of, (2, 30));
        let (from, until) = decade(of);
        let mut clocks = Clocks::at(from);
        let mut agenda = agenda(&settings, None, clocks.now());
        let mut due = None;
        while clocks.wall < until {
            let before = clocks.wall;
            // Suspended, or set: the agenda knows no difference.
            clocks.wall += dice.seconds(5 * 24 * 3600);
            let Look { ticks, left_out } = agenda.look(clocks.now());
            assert_eq!(left_out, []);
            let missed = scheduled_after(&settings, before).filter(|due| *due <= clocks.wall);
            assert_eq!(ticks.len(), usize::from(missed.is_some()), "{}: {}", of.0, clocks.wall);
            for tick in ticks {
                assert!(due < Some(tick.due), "{}: {tick:?}", of.0);
                assert!(scheduled_after(&settings, tick.due) > Some(clocks.wall), "the last one");
                due = Some(tick.due);
            }
        }
    }
}

#[test]
fn an_interval_stays_even_where_the_clock_is_put_back() {
    let gap = TimeDelta::minutes(30);
    for of in ZONES {
        let mut dice = Dice(4);
        let settings = settings("0 */30 * * * *", of.0);
        let mut clocks = Clocks::at(decade(of).0);
        let mut agenda = agenda(&settings, None, clocks.now());
        let mut last = None;
        let mut looks: u32 = 0;
        while looks < 40_000 {
            looks += 1;
            clocks.pass(dice.seconds(60));
            // Every four hours or so.
            if looks.is_multiple_of(500) {
                clocks.wall -= dice.seconds(3 * 3600);
            }
            for tick in agenda.look(clocks.now()).ticks {
                assert_eq!(tick.trigger, Trigger::Schedule);
                let apart = clocks.boot - last.replace(clocks.boot).unwrap_or(clocks.boot - gap);
                let even = gap / 2 - TimeDelta::minutes(1)..=gap * 2 + TimeDelta::minutes(1);
                assert!(even.contains(&apart), "{}: {apart} at {}", of.0, clocks.wall);
            }
        }
    }
}

/// Serves a schedule with a daemon that is stopped now and then, for so long at most.
fn served_with_stops(of: (Tz, i32, usize), settings: &ScheduleSettings, longest: u64) -> Vec<Tick> {
    let mut dice = Dice(5);
    let (from, until) = decade(of);
    let mut clocks = Clocks::at(from);
    let mut served = None;
    let mut ticks = Vec::new();
    while clocks.wall < until {
        let mut agenda = agenda(settings, served, clocks.now());
        for look in 0..=dice.roll(100) {
            if look > 0 {
                clocks.pass(dice.seconds(60));
            }
            let found = agenda.look(clocks.now()).ticks;
            assert!(found.len() <= 1);
            if !found.is_empty() {
                served = Some(Served { until: clocks.wall, cut_short: false });
            }
            ticks.extend(found);
        }
        clocks.pass(dice.seconds(longest));
    }
    ticks
}

#[test]
fn a_daemon_that_is_stopped_now_and_then_serves_each_day_once() {
    for of in ZONES {
        let settings = daily(of, (2, 30));
        let ticks = served_with_stops(of, &settings, 16 * 3600);
        // Before its first run nothing is missed.
        let first = ticks.first().expect("it has run").due;
        let counted = by_day(of.0, &ticks);
        let missing: Vec<_> = days(of)
            .into_iter()
            .filter(|day| *day > self::day(of.0, first) && counted.get(day) != Some(&1))
            .collect();
        // A stop over two of its moments is made up once.
        assert!(missing.is_empty(), "{}: {missing:?}", of.0);
        assert!(ticks.is_sorted_by(|one, next| one.due < next.due));
        let late = ticks.iter().filter(|tick| tick.trigger == Trigger::CatchUp).count();
        assert!(late > 100, "{late} of {}", ticks.len());
    }
}

#[test]
fn without_catching_up_only_what_is_on_time_is_served() {
    for of in &ZONES[..3] {
        let settings = ScheduleSettings { catch_up: CatchUp::None, ..daily(*of, (2, 30)) };
        let ticks = served_with_stops(*of, &settings, 16 * 3600);
        assert!(ticks.iter().all(|tick| tick.trigger == Trigger::Schedule));
        assert!(ticks.is_sorted_by(|one, next| one.due < next.due));
        let days = days(*of).len();
        assert!(ticks.len() > days / 20 && ticks.len() < days, "{} of {days}", ticks.len());
    }
}

#[test]
fn jitter_keeps_the_moments_in_order_within_its_bounds_and_always_the_same() {
    for of in ZONES {
        let mut dice = Dice(6);
        let (from, until) = decade(of);
        for (text, most) in [("0 30 2 * * *", 30 * 3600), ("0 0 * * * *", 7200)] {
            let plain = settings(text, of.0);
            let mut jittered = plain.clone();
            jittered.jitter.most = Duration::from_secs(most);
            jittered.jitter.seed = dice.roll(1 << 30);
            let until = if text.starts_with("0 0") { from + TimeDelta::days(30) } else { until };
            let mut scheduled = scheduled_after(&plain, from).expect("there is a first");
            // The one before the first may be put off until after the start.
            let first = scheduled;
            let dues = moments_after(&jittered, from).skip_while(|due| *due < first);
            for due in dues.take_while(|due| *due < until) {
                let next = scheduled_after(&plain, scheduled).expect("there is a next");
                let most = TimeDelta::seconds(i64::try_from(most).expect("a small number"));
                assert!(scheduled <= due && due < next, "{} {text}: {due} for {scheduled}", of.0);
                assert!(due - scheduled < most, "{} {text}: {due} for {scheduled}", of.0);
                if dice.roll(10) == 0 {
                    let before = due - TimeDelta::milliseconds(1) - dice.seconds(1800);
                    let again = moments_after(&jittered, before).find(|moment| *moment >= due);
                    assert_eq!(again, Some(due), "{}: asked at {before}", of.0);
                }
                assert!(next_after(&jittered, due) > Some(due));
                scheduled = next;
            }
        }
    }
}
