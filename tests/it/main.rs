//! The program's tests from outside: a file a topic.

mod architecture;
mod backup;
mod bad_input;
mod budget;
mod command_line;
mod daemon;
mod groups;
mod listing;
mod missing;
mod paging;
mod pauses;
mod privacy;
mod progress;
mod rejects;
mod resume;
mod schemas;
mod signals;
mod simulator;
mod stored;
mod support;
mod systemd;
mod tables;
mod terminal;
mod tokens;
mod values;
mod windows;
