//! Which vector instructions this processor has.
use cornu_graph::{Error, Result, environment};
use std::sync::OnceLock;

/// A set of vector instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    /// What the compiler makes of plain arrays.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 with its byte, doubleword and 256-bit parts.
    Avx512,
}

impl Isa {
    /// The best of this processor; `CORNU_SIMD` (`portable`, `avx2`, `avx512`) limits it.
    pub fn get() -> Isa {
        static ISA: OnceLock<Isa> = OnceLock::new();
        *ISA.get_or_init(|| {
            // What makes no sense is refused where the engine is opened.
            Isa::detected().min(Isa::allowed().unwrap_or(Isa::Avx512))
        })
    }

    /// The best that `CORNU_SIMD` allows.
    ///
    /// # Errors
    /// When it names none.
    pub fn allowed() -> Result<Isa> {
        environment::text("CORNU_SIMD").as_deref().map_or(Ok(Isa::Avx512), Isa::named)
    }

    fn named(name: &str) -> Result<Isa> {
        match name {
            "portable" => Ok(Isa::Portable),
            "avx2" => Ok(Isa::Avx2),
            "avx512" => Ok(Isa::Avx512),
            other => Err(Error::unknown("CORNU_SIMD", other, ["portable", "avx2", "avx512"])),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn detected() -> Isa {
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi2");
        match (avx512, avx2) {
            (true, true) => Isa::Avx512,
            (false, true) => Isa::Avx2,
            _ => Isa::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detected() -> Isa {
        Isa::Portable
    }
}
