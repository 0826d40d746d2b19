//! Products of matrices.

ops! {
    "keras.src.ops.numpy";
    /// NumPy's `matmul`: the last axis of `x1` with the last but one of `x2`; axes before them are batches, broadcast.
    Matmul matmul(x1, x2) => x1.matmul(x2);
    /// NumPy's `dot`: the last axis of `x1` with the last but one of `x2`; all other axes are kept. A scalar multiplies.
    Dot dot(x1, x2) => match (x1.rank(), x2.rank()) {
        (0, _) | (_, 0) => x1 * x2,
        (_, 1) => x1.tensordot(x2, &[-1], &[0]),
        _ => x1.tensordot(x2, &[-1], &[-2]),
    };
}
