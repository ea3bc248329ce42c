//! Checkers over a trace.
