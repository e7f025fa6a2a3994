#![no_main]

#[path = "../properties/rows.rs"]
mod rows;

libfuzzer_sys::fuzz_target!(|input: &[u8]| rows::hold(input));
