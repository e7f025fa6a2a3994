//! Logging: set up once, by the binary.
