//! Host data: files of NumPy, tables, and downloads.
pub mod csv;
mod download;
pub mod npy;
pub mod npz;

pub use download::{download, sha256_of};
