//! The native CPU engine of cornu.
