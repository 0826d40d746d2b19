//! How much a file may unpack to.

/// Deflate does not expand data more than about 1032 times.
const MAX_RATIO: u64 = 1040;
/// Weights hardly shrink; zeros do, and small files may be all zeros.
const USUAL_RATIO: u64 = 100;
const SMALL: u64 = 256 << 20;

/// Bytes that what a file of some size holds may still take in memory, all its parts together: parts can lie over each
/// other, and one packed form within another.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u64,
}

impl Allowance {
    /// For a file of `stored` bytes.
    pub fn of(stored: u64) -> Allowance {
        let usual = stored.saturating_mul(USUAL_RATIO).max(SMALL);
        Allowance { left: usual.min(stored.saturating_mul(MAX_RATIO)) }
    }

    /// Takes `bytes` of it, if they are left.
    #[must_use]
    pub fn take(&mut self, bytes: u64) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_may_hold() {
        let mut small = Allowance::of(1000);
        assert!(small.take(1_040_000) && !small.take(1));
        assert!(Allowance::of(1 << 20).take(SMALL) && !Allowance::of(1 << 20).take(SMALL + 1));
        assert!(Allowance::of(1 << 30).take(100 << 30) && !Allowance::of(1 << 30).take(101 << 30));
        assert!(Allowance::of(u64::MAX).take(u64::MAX));
    }
}
