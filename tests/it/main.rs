//! The program's tests from outside: a file a topic.

mod architecture;
mod command_line;
mod daemon;
mod support;
mod systemd;
