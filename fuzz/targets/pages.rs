#![no_main]

#[path = "../properties/pages.rs"]
mod pages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| pages::hold(input));
