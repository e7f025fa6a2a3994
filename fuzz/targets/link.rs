#![no_main]

#[path = "../properties/link.rs"]
mod link;

libfuzzer_sys::fuzz_target!(|input: &[u8]| link::hold(input));
