//! Host data: files of NumPy, tables, text, and downloads.
pub mod csv;
mod download;
pub mod npy;
pub mod npz;
pub mod text;

pub use download::{download, sha256_of};
