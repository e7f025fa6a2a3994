//! The program's tests from outside: a file a topic.

mod architecture;
mod bad_input;
mod budget;
mod command_line;
mod daemon;
mod listing;
mod paging;
mod pauses;
mod progress;
mod resume;
mod signals;
mod stored;
mod support;
mod systemd;
mod tables;
mod tokens;
mod values;
