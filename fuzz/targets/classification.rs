#![no_main]

#[path = "../properties/classification.rs"]
mod classification;

libfuzzer_sys::fuzz_target!(|input: &[u8]| classification::hold(input));
