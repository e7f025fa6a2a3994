#![no_main]

#[path = "../properties/retry_after.rs"]
mod retry_after;

libfuzzer_sys::fuzz_target!(|input: &[u8]| retry_after::hold(input));
