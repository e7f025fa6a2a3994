//! What a listing must remember to notice that it goes round in circles, in a few bytes whatever its length.

use serde::{Deserialize, Serialize};

use crate::api::page::Digest;

/// The way of a listing so far.
///
/// The first and the last thing met are remembered, so the usual loops are noticed at once. Any other is noticed by Brent's
/// algorithm: one thing met is kept as a mark, and the mark moves up to the present after 1, 2, 4, 8, … steps; in a loop
/// of length n it is met again after at most n steps once the mark lies in the loop and its stretch is at least n. So
/// every loop ends, and the checkpoint does not grow with the listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trail {
    /// The first thing met.
    first: Digest,
    /// The last thing met.
    last: Digest,
    /// The thing to be met again.
    mark: Digest,
    /// How many steps the mark stays.
    stretch: u64,
    /// How many steps it has stayed.
    steps: u64,
}

/// What was met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The last one; `only`: nothing else has been met so far.
    Last {
        /// Whether the last one is the first one too.
        only: bool,
    },
    /// One before it.
    Earlier,
}

impl Trail {
    /// Adds what was met to the trail so far, or begins one.
    pub(super) fn follow(trail: Option<&Self>, met: Digest) -> Self {
        let Some(trail) = trail else {
            return Self { first: met, last: met, mark: met, stretch: 1, steps: 0 };
        };
        let steps = trail.steps.saturating_add(1);
        if steps < trail.stretch {
            Self { last: met, steps, ..trail.clone() }
        } else {
            let stretch = trail.stretch.saturating_mul(2);
            Self { first: trail.first, last: met, mark: met, stretch, steps: 0 }
        }
    }

    /// Tells whether this was met before, as far as the trail remembers.
    pub(super) fn meets(&self, met: Digest) -> Option<Met> {
        if met == self.last {
            // Nothing is added to a trail that it holds already, so the last is the first only on a trail of one.
            Some(Met::Last { only: self.last == self.first })
        } else if met == self.first || met == self.mark {
            Some(Met::Earlier)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(number: u64) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    proptest! {
        #[test]
        fn every_loop_is_noticed_soon_and_nothing_else_is(lead in 0_u64..200, length in 1_u64..200) {
            let mut trail = None;
            let mut noticed_after = None;
            for step in 0..4 * (lead + length) {
                let met = if step < lead + length { step } else { lead + (step - lead) % length };
                if trail.as_ref().is_some_and(|trail: &Trail| trail.meets(digest(met)).is_some()) {
                    noticed_after = Some(step);
                    break;
                }
                trail = Some(Trail::follow(trail.as_ref(), digest(met)));
            }
            let step = noticed_after.expect("the loop is noticed");
            prop_assert!(step >= lead + length, "noticed before anything repeated");
            prop_assert!(step <= 3 * (lead + length), "noticed after {} steps", step);
            if lead == 0 || length == 1 {
                prop_assert_eq!(step, lead + length, "the usual loops are noticed at once");
            }
        }
    }
}
