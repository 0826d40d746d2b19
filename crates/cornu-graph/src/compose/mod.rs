//! Functions of values that are several ops, and no op of their own.
mod index;
mod layout;
mod random;
mod statistics;
