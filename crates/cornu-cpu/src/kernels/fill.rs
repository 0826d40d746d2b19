//! Values that are known when the plan is made.
use super::{Kernel, Lower};
use cornu_graph::ops::{Constant, Iota};
use cornu_graph::{Result, Spec};

impl Lower for Constant {
    fn lower(&self, _: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let value = self.value.clone();
        Ok(Some(Kernel::new(move |args| {
            let bytes = value.bytes();
            // SAFETY: the output has the constant's spec.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), args.output::<u8>(0), bytes.len()) };
        })))
    }
}

impl Lower for Iota {
    fn lower(&self, _: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        // The plan evaluates it once, like a constant.
        Ok(None)
    }
}
