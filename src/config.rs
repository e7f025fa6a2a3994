//! What the configuration file and the environment say, checked whole.
