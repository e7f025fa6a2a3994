//! The program's tests from outside: a file a topic.

mod architecture;
mod stored;
mod support;
mod systemd;
mod tables;
mod values;
