//! The arithmetic under a simulated clock: clients that share a ledger, crash, reboot and give up, before a server that
//! notes when each request arrives. The ledger here is a list; every decision about it is [`admit`] and [`rebase`].
//!
//! All times are whole ticks; true time is that of the server, which no clock of the clients shows.

use std::{cmp::Reverse, collections::BinaryHeap};

use chrono::{DurationRound, TimeDelta};

use super::*;

mod properties;

/// Nanoseconds a tick: finer than the stamps of the wall clock, so that their cutting off matters.
const TICK: i64 = 100_000;

/// What becomes of one attempt. The delays count from the reservation; the time-out counts from it too, so none of them
/// exceeds it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Arrives, and is answered (or fails, which ends it alike).
    Answered { arrives: i64, ends: i64 },
    /// Ends without having arrived: the connection was refused, say.
    Lost { ends: i64 },
    /// Given up before it was sent.
    GivenUp { ends: i64 },
    /// The process dies after the send; what was sent may arrive later, up to the time-out.
    CrashAfterSend { arrives: i64, dies: i64 },
    /// The process dies before the send.
    CrashBeforeSend { dies: i64 },
}

/// One request of a client's script.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// How long the client does something else before it.
    pause: i64,
    fate: Fate,
}

/// The machine's clocks change at a moment of true time.
#[derive(Clone, Copy, Debug)]
enum Jolt {
    /// The wall clock jumps by this much.
    WallJumps { at: i64, by: i64 },
    /// The machine reboots: all clients die, the boot clock starts anew, and the wall clock comes back set by this much.
    Reboots { at: i64, by: i64 },
}

impl Jolt {
    fn at(self) -> i64 {
        match self {
            Self::WallJumps { at, .. } | Self::Reboots { at, .. } => at,
        }
    }
}

/// A line of the ledger, as the database has it.
struct Line {
    id: usize,
    boot: u32,
    counts_from: BootTime,
    wall: DateTime<Utc>,
}

impl Line {
    /// Placed on this boot's clock, which whoever meets a line of an earlier boot first has to write back.
    fn adopt(&mut self, now: Now, boot: u32) {
        if self.boot != boot {
            self.counts_from = rebase(now, self.wall);
            self.boot = boot;
            self.wall = stamp(now.wall - now.boot.since(self.counts_from));
        }
    }
}

/// The wall clock's time as the database keeps it.
fn stamp(wall: DateTime<Utc>) -> DateTime<Utc> {
    wall.duration_trunc(TimeDelta::milliseconds(1)).expect("a moment that can be cut")
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Jolt(usize),
    Ends { client: usize, process: u32, line: usize, freed: bool },
    Asks { client: usize, ticket: usize },
}

/// What the server saw.
struct Outcome {
    /// When each request arrived, in order.
    arrivals: Vec<i64>,
    /// When the last request ended.
    finished_at: i64,
}

struct World {
    limit: Limit,
    time_out: Duration,
    scripts: Vec<Vec<Attempt>>,
    jolts: Vec<Jolt>,
    /// True time.
    time: i64,
    boot: u32,
    booted_at: i64,
    wall_is_off_by: i64,
    events: BinaryHeap<Reverse<(i64, usize, Event)>>,
    /// How many things were numbered: events, so that earlier ones come first at one moment, lines and tickets.
    numbers: usize,
    ledger: Vec<Line>,
    /// Which attempt of its script each client is at, and which of its processes runs it.
    progress: Vec<(usize, u32)>,
    /// The number of each client's latest question: an event with an older one is void.
    tickets: Vec<usize>,
    waiting: Vec<bool>,
    arrivals: Vec<i64>,
    finished_at: i64,
}

fn ticks(count: i64) -> Duration {
    Duration::from_nanos(u64::try_from(count * TICK).expect("lengths are positive"))
}

impl World {
    fn new(limit: Limit, time_out: i64, scripts: Vec<Vec<Attempt>>, jolts: Vec<Jolt>) -> Self {
        let clients = scripts.len();
        let mut world = Self {
            limit,
            time_out: ticks(time_out),
            scripts,
            jolts,
            time: 0,
            boot: 0,
            booted_at: -5,
            wall_is_off_by: 0,
            events: BinaryHeap::new(),
            numbers: 0,
            ledger: Vec::new(),
            progress: vec![(0, 0); clients],
            tickets: vec![0; clients],
            waiting: vec![false; clients],
            arrivals: Vec::new(),
            finished_at: 0,
        };
        for index in 0..world.jolts.len() {
            world.schedule(world.jolts[index].at(), Event::Jolt(index));
        }
        for client in 0..clients {
            world.begin(client, 0);
        }
        world
    }

    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn schedule(&mut self, at: i64, event: Event) {
        let number = self.number();
        self.events.push(Reverse((at, number, event)));
    }

    fn ask_at(&mut self, at: i64, client: usize) {
        self.tickets[client] = self.number();
        self.schedule(at, Event::Asks { client, ticket: self.tickets[client] });
    }

    fn now(&self) -> Now {
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("a valid moment");
        Now {
            boot: BootTime::from_nanos((self.time - self.booted_at) * TICK),
            wall: start + TimeDelta::nanoseconds((self.time + self.wall_is_off_by) * TICK),
        }
    }

    fn attempt(&self, client: usize) -> Option<Attempt> {
        self.scripts[client].get(self.progress[client].0).copied()
    }

    /// Lets the client ask for its next request, after `delay` and its pause.
    fn begin(&mut self, client: usize, delay: i64) {
        self.waiting[client] = false;
        if let Some(attempt) = self.attempt(client) {
            self.ask_at(self.time + delay + attempt.pause, client);
        }
    }

    /// The client's process dies, and after `delay` another goes on at the script's next line.
    fn dies(&mut self, client: usize, delay: i64) {
        let (attempt, process) = self.progress[client];
        self.progress[client] = (attempt + 1, process + 1);
        self.tickets[client] = self.number();
        self.begin(client, delay);
    }

    fn asks(&mut self, client: usize) {
        let Some(attempt) = self.attempt(client) else { return };
        let now = self.now();
        for line in &mut self.ledger {
            line.adopt(now, self.boot);
        }
        let counts_from: Vec<BootTime> = self.ledger.iter().map(|line| line.counts_from).collect();
        match admit(now.boot, self.limit, &counts_from, None) {
            Admission::Wait { until, at_best, reason } => {
                assert_eq!(reason, WaitReason::Limit);
                assert!(until >= at_best && at_best > now.boot, "a wait leads on");
                self.waiting[client] = true;
                let wait = until.as_nanos() - now.boot.as_nanos();
                assert_eq!(wait % TICK, 0, "nothing here is finer than a tick");
                self.ask_at(self.time + wait / TICK, client);
            }
            Admission::Now => {
                self.waiting[client] = false;
                let id = self.number();
                let counts_from = now.boot.saturating_add(self.time_out);
                self.ledger.push(Line {
                    id,
                    boot: self.boot,
                    counts_from,
                    wall: stamp(now.wall + self.time_out),
                });
                self.sends(client, id, attempt.fate);
            }
        }
    }

    fn sends(&mut self, client: usize, line: usize, fate: Fate) {
        let process = self.progress[client].1;
        let (arrives, ends, freed) = match fate {
            Fate::Answered { arrives, ends } => (Some(arrives), ends, false),
            Fate::Lost { ends } => (None, ends, false),
            Fate::GivenUp { ends } => (None, ends, true),
            Fate::CrashAfterSend { arrives, dies } => {
                self.arrivals.push(self.time + arrives);
                return self.dies(client, dies);
            }
            Fate::CrashBeforeSend { dies } => return self.dies(client, dies),
        };
        self.arrivals.extend(arrives.map(|delay| self.time + delay));
        self.schedule(self.time + ends, Event::Ends { client, process, line, freed });
    }

    fn ends(&mut self, client: usize, line: usize, freed: bool) {
        let now = self.now();
        if freed {
            self.ledger.retain(|kept| kept.id != line);
        } else if let Some(found) = self.ledger.iter_mut().find(|kept| kept.id == line) {
            (found.counts_from, found.wall) = (now.boot, stamp(now.wall));
        }
        self.finished_at = self.time;
        self.progress[client].0 += 1;
        self.begin(client, 0);
        // Those that wait ask again: a slot may be free earlier than it was reserved for.
        for waiting in 0..self.waiting.len() {
            if self.waiting[waiting] {
                self.ask_at(self.time, waiting);
            }
        }
    }

    fn jolt(&mut self, jolt: Jolt) {
        match jolt {
            Jolt::WallJumps { by, .. } => self.wall_is_off_by += by,
            Jolt::Reboots { by, .. } => {
                self.boot += 1;
                self.booted_at = self.time - 3;
                self.wall_is_off_by += by;
                // What was sent has arrived by the time that a machine is up again, or never does.
                self.arrivals.retain(|arrival| *arrival <= self.time);
                for client in 0..self.scripts.len() {
                    self.dies(client, 0);
                }
            }
        }
    }

    /// Runs to the end.
    fn run(mut self) -> Outcome {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.time = at;
            match event {
                Event::Jolt(index) => self.jolt(self.jolts[index]),
                Event::Ends { client, process, line, freed }
                    if process == self.progress[client].1 =>
                {
                    self.ends(client, line, freed);
                }
                Event::Asks { client, ticket } if ticket == self.tickets[client] => {
                    self.asks(client);
                }
                Event::Ends { .. } | Event::Asks { .. } => {}
            }
        }
        let undone = (0..self.scripts.len()).any(|client| self.attempt(client).is_some());
        assert!(!undone, "every script comes to its end");
        self.arrivals.sort_unstable();
        Outcome { arrivals: self.arrivals, finished_at: self.finished_at }
    }
}
