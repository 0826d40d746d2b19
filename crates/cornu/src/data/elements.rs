//! Elements of tensors out of streams of bytes, and into them, piece by piece.
use cornu_graph::{DType, Tensor, TensorElement, with_dtype};
use std::io::{self, Write};

/// Elements at a time.
const PIECE: usize = 16 << 10;

/// A tensor whose elements, in row-major order and little or big endian, `fill` gives piece by piece: it takes memory as they
/// come. Errors of `fill`, or what is wrong with the elements.
pub(crate) fn read<E>(
    shape: &[usize],
    dtype: DType,
    little: bool,
    fill: &mut dyn FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Result<Tensor, String>, E> {
    with_dtype!(dtype, T => read_of::<T, E>(shape, little, fill))
}

fn read_of<T: TensorElement, E>(
    shape: &[usize],
    little: bool,
    fill: &mut dyn FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Result<Tensor, String>, E> {
    let (size, count) = (T::DTYPE.size(), shape.iter().product::<usize>());
    let mut values: Vec<T> = vec![];
    let mut bytes = vec![0; count.min(PIECE) * size];
    while values.len() < count {
        let bytes = &mut bytes[..(count - values.len()).min(PIECE) * size];
        fill(bytes)?;
        if little != cfg!(target_endian = "little") {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        let mut piece = Tensor::zeros([bytes.len() / size], T::DTYPE);
        if let Err(e) = piece.copy_from_bytes(bytes) {
            return Ok(Err(e.to_string()));
        }
        // Once something came; a header can claim anything.
        if values.try_reserve_exact(count - values.len()).is_err() {
            return Ok(Err(format!("{count} numbers do not fit into memory")));
        }
        values.extend_from_slice(piece.as_slice::<T>().unwrap_or_default());
    }
    Ok(Tensor::new(shape, values).map_err(|e| e.to_string()))
}

/// Writes the elements in row-major order, little endian.
pub(crate) fn write(out: &mut dyn Write, tensor: &Tensor) -> io::Result<()> {
    let bytes = tensor.bytes();
    if cfg!(target_endian = "little") {
        return out.write_all(bytes);
    }
    let size = tensor.dtype().size();
    for piece in bytes.chunks(PIECE * size) {
        let mut piece = piece.to_vec();
        piece.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        out.write_all(&piece)?;
    }
    Ok(())
}
