//! What happens to a booking: a function of its draws, of which the clock only shows more and more.

use super::{
    Dice,
    calendar::{Calendar, LONGEST_LEAD, LONGEST_MOVE, Moment},
};

/// Of a hundred bookings whose day is still to come: how many are moved, cancelled and deleted until then.
const MOVED_PERCENT: u64 = 12;
const CANCELLED_PERCENT: u64 = 5;
const DELETED_PERCENT: u64 = 3;

/// What a booking is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Another desk or spot: a draw for the choice of it.
    Place(u64),
    /// Other hours: a draw for the choice of them.
    Hours(u64),
    /// So many days later.
    Day(usize),
}

/// The moments of a booking's life. Nothing of it lies between the start of the simulation and the midnight after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) created: Moment,
    pub(crate) moved: Option<(Moment, Move)>,
    pub(crate) cancelled: Option<Moment>,
    /// When it is gone without a trace, as bookings are that are deleted and not cancelled.
    pub(crate) deleted: Option<Moment>,
}

/// What a booking's own draws say of it, before anything happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    /// The place of its day.
    pub(crate) place: usize,
    /// Whether it is made after the start of the simulation.
    pub(crate) is_new: bool,
    /// How many days before its day it is made.
    pub(crate) lead: usize,
    /// When on the day that it is made, in minutes.
    pub(crate) minute: u64,
    /// Whether it ends cancelled.
    pub(crate) is_cancelled: bool,
}

impl Birth {
    /// A lead, as the dice fall.
    pub(crate) fn draw_lead(dice: &mut Dice) -> usize {
        1 + usize::try_from(dice.below(LONGEST_LEAD as u64)).unwrap_or(0)
    }
}

impl Life {
    /// The life of a booking, as the dice fall. They fall in the same order for every booking.
    pub(crate) fn drawn(dice: &mut Dice, calendar: &Calendar, birth: Birth) -> Self {
        let made_on = if birth.is_new {
            birth.place.saturating_sub(birth.lead)
        } else {
            calendar.made_before_start(birth.place, birth.lead)
        };
        let created = Moment::at(made_on, birth.minute);
        let (from, until) = (created.max(calendar.first_change()), Moment::at(birth.place, 0));
        let span = until.0.saturating_sub(from.0);
        // A minute later at least: what changes a booking does not make it.
        let moment = |dice: &mut Dice| Moment(from.0 + (60 + dice.below(span)).min(span));
        let mut happens = |percent| {
            let (is_drawn, moment) = (dice.percent(percent), moment(dice));
            (is_drawn && span > 0).then_some(moment)
        };

        let deleted = happens(DELETED_PERCENT);
        let cancelled_later = happens(if birth.is_cancelled { 100 } else { CANCELLED_PERCENT });
        let cancelled = match (birth.is_cancelled, birth.is_new) {
            (true, false) => Some(created),
            (true, true) | (false, _) => cancelled_later,
        };
        let moved = happens(MOVED_PERCENT)
            .filter(|moved| cancelled.is_none_or(|cancelled| *moved < cancelled));
        let (kind, choice) = (dice.below(100), dice.next());
        let to = match kind {
            0..55 => Move::Place(choice),
            55..80 => Move::Hours(choice),
            _ => Move::Day(1 + usize::try_from(choice % LONGEST_MOVE as u64).unwrap_or(0)),
        };
        Self { created, moved: moved.map(|moved| (moved, to)), cancelled, deleted }
    }

    /// Whether it has been made and is not yet deleted.
    pub(crate) fn is_there(&self, now: Moment) -> bool {
        self.created <= now && self.deleted.is_none_or(|deleted| now < deleted)
    }

    /// What it has been moved to, and when.
    pub(crate) fn moved_by(&self, now: Moment) -> Option<(Moment, Move)> {
        self.moved.filter(|(moved, _)| *moved <= now)
    }

    /// When it was cancelled, if it has been.
    pub(crate) fn cancelled_by(&self, now: Moment) -> Option<Moment> {
        self.cancelled.filter(|cancelled| *cancelled <= now)
    }

    /// The place of its day at `now`.
    pub(crate) fn place(&self, booked: usize, now: Moment) -> usize {
        match self.moved_by(now) {
            Some((_, Move::Day(days))) => booked + days,
            Some((_, Move::Place(_) | Move::Hours(_))) | None => booked,
        }
    }
}
