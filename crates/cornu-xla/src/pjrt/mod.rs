//! Any PJRT plugin by the PJRT C API.
