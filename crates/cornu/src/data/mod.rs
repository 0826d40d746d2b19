//! Host data: NumPy's files, and downloads.
mod download;
pub mod npy;
pub mod npz;

pub use download::{download, sha256_of};
