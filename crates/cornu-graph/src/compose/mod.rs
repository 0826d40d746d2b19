//! Functions of values that are several ops, and no op of their own.
mod fourier;
mod index;
mod layout;
mod linalg;
mod random;
mod statistics;
