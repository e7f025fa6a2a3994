//! The program's tests from outside: a file a topic.

mod architecture;
mod bad_input;
mod support;
mod systemd;
