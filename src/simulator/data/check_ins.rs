//! Who came: one record for each workspace reservation that somebody has turned up for.

use super::{
    Data, Dice, Kind,
    calendar::Moment,
    reservations::{Reservation, Status},
};
use crate::simulator::json::Writer;

const METHODS: [&str; 4] = ["App", "App", "QrCode", "Sensor"];

/// The check-in for a reservation.
pub(crate) struct CheckIn<'a> {
    data: &'a Data,
    index: u64,
    reservation: Reservation<'a>,
}

impl<'a> CheckIn<'a> {
    /// The check-in for the reservation at an index, if it has happened and is still kept.
    pub(crate) fn at(data: &'a Data, index: u64, now: Moment) -> Option<Self> {
        let reservation = Reservation::at(data, index, now)?;
        (reservation.status == Status::CheckedIn).then_some(Self { data, index, reservation })
    }

    /// When it happened, in UTC.
    pub(crate) const fn happened(&self) -> Moment {
        self.reservation.arrives
    }

    /// When it could first be seen.
    pub(crate) fn touched(&self) -> Moment {
        self.reservation.touched()
    }

    /// Writes it as one object.
    pub(crate) fn write(self, out: &mut Writer) {
        let Self { data, index, mut reservation } = self;
        let mut dice = Dice::of(data.seed, Kind::CheckIn, index);
        let id = dice.guid();
        let (desk, is_desk) = reservation.draw_desk();
        out.object(|out| {
            out.key("id").guid(id);
            out.key("reservationId").guid(reservation.id);
            out.key("userId").guid(reservation.person.id);
            reservation.person.write_email(out.key("email"));
            data.calendar.write(out.key("checkedInAt"), reservation.arrives, "Z");
            out.key("method").text(dice.pick(&METHODS));
            out.key("nodeId").guid(reservation.node_id(desk, is_desk));
            out.key("buildingId").guid(reservation.building_id());
        });
    }
}
