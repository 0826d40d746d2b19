//! The macros of cornu.
