//! Host data: files of NumPy, tables, text, and downloads.
mod checksum;
pub mod csv;
mod download;
pub(crate) mod elements;
pub mod npy;
pub mod npz;
pub(crate) mod pickle;
pub mod text;

pub(crate) use checksum::Checksum;
pub use checksum::sha256_of;
pub use download::download;
pub(crate) use download::{download_checked, fetch};
