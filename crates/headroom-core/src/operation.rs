//! Progress of a running growth, derived from what is observed.
