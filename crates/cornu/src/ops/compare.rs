//! Comparisons and logic, element by element; they give bools.
use super::dtypes::truth;

ops! {
    "keras.src.ops.numpy";
    /// `x1 == x2`
    Equal equal(x1, x2) => x1.equal(x2);
    /// `x1 != x2`
    NotEqual not_equal(x1, x2) => x1.not_equal(x2);
    /// `x1 > x2`
    Greater greater(x1, x2) => x1.gt(x2);
    /// `x1 >= x2`
    GreaterEqual greater_equal(x1, x2) => x1.ge(x2);
    /// `x1 < x2`
    Less less(x1, x2) => x1.lt(x2);
    /// `x1 <= x2`
    LessEqual less_equal(x1, x2) => x1.le(x2);
    /// Whether both hold.
    LogicalAnd logical_and(x1, x2) => truth(x1).and(&truth(x2));
    /// Whether any holds.
    LogicalOr logical_or(x1, x2) => truth(x1).or(&truth(x2));
    /// Whether exactly one holds.
    LogicalXor logical_xor(x1, x2) => truth(x1).xor(&truth(x2));
    /// Whether it does not hold.
    LogicalNot logical_not(x) => truth(x).not();
}
