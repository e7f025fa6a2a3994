//! The program's tests from outside: a file a topic.

#![expect(
    clippy::disallowed_methods,
    reason = "a test measures the program by a clock that is not the program's own"
)]

mod architecture;
mod bad_input;
mod budget;
mod command_line;
mod daemon;
mod listing;
mod pauses;
mod resume;
mod signals;
mod stored;
mod support;
mod systemd;
mod tokens;
mod values;
