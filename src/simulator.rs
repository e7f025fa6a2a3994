//! A stand-in for the API, faithful to what is documented of it; shares no code with the rest.
