//! Graphs as StableHLO text.
