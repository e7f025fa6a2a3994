//! The program's tests from outside: a file a topic.

mod architecture;
mod support;
mod systemd;
