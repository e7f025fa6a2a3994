#![no_main]

#[path = "../properties/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|input: &[u8]| config::hold(input));
