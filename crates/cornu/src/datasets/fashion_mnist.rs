//! Small pictures of clothes. Keras module: `keras.datasets.fashion_mnist`.
use super::TrainTest;
use super::source::Source;
use cornu_graph::{Error, Result, Tensor};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;

/// 60,000 pictures of clothes of ten kinds for training and 10,000 for testing, `uint8` of shape `[n, 28, 28]`, and their
/// classes, `uint8` of shape `[n]`.
///
/// The four files are those of Keras, in the folder `fashion-mnist` of its cache. Keras publishes no hashes of them; their
/// checksums within are tested. H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST* (2017), under the MIT license.
///
/// # Errors
/// When a file is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<TrainTest> {
    let source = Source::from_env();
    let part = |part: &str| -> Result<(Tensor, Tensor)> {
        let file = |name: &str| source.unhashed("fashion-mnist", &format!("{part}-{name}-ubyte.gz"));
        let x = read(&file("images-idx3")?)?;
        let y = read(&file("labels-idx1")?)?;
        if x.shape().first() != y.shape().first() {
            return Err(Error::Data(format!("{:?} pictures and {:?} labels", x.shape(), y.shape())));
        }
        Ok((x, y))
    };
    Ok((part("train")?, part("t10k")?))
}

/// Bytes in the format of MNIST's own files: two zeros, the type, the number of axes, their sizes, the bytes.
fn read(path: &Path) -> Result<Tensor> {
    const BYTES: u8 = 8;
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let file = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    // Deflate does not expand data more than that.
    let most = file.len() as u64 * 1040;
    let mut data = vec![];
    GzDecoder::new(&file[..]).take(most).read_to_end(&mut data).map_err(|e| bad(e.to_string()))?;
    let [0, 0, BYTES, axes, rest @ ..] = &data[..] else {
        return Err(bad("is no file of bytes in MNIST's format".into()));
    };
    let (sizes, bytes) =
        rest.split_at_checked(4 * usize::from(*axes)).ok_or_else(|| bad("ends too early".into()))?;
    let sizes = sizes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
    Tensor::new(sizes.collect::<Vec<_>>(), bytes.to_vec()).map_err(|e| bad(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn files_of_bytes() {
        let path = std::env::temp_dir().join(format!("cornu-idx-{}.gz", std::process::id()));
        let write = |bytes: &[u8]| {
            let mut file = GzEncoder::new(vec![], Compression::fast());
            file.write_all(bytes).unwrap();
            std::fs::write(&path, file.finish().unwrap()).unwrap();
        };
        write(&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]);
        assert_eq!(read(&path).unwrap(), Tensor::from([[1u8, 2, 3], [4, 5, 6]]));
        for bytes in [&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1][..], &[0, 0, 8, 9, 1], &[1, 2, 3, 4], &[]] {
            write(bytes);
            assert!(read(&path).is_err());
        }
        std::fs::write(&path, "text").unwrap();
        assert!(read(&path).is_err());
        std::fs::remove_file(path).unwrap();
    }
}
