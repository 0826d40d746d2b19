//! Rewrites of a graph into a better one with the same results.
