//! Loops.
use super::Lower;
use super::emit::{Emitter, Val, array};
use cornu_graph::ops::{Scan, While};
use cornu_graph::{DType, Result, Spec};

impl Emitter<'_> {
    /// Places for one step along the first axis of a value.
    fn starts(&mut self, at: &Val, rank: usize) -> Vec<Val> {
        let mut starts = vec![at.clone()];
        if rank > 1 {
            let zero = self.scalar(DType::I32, 0.0);
            starts.extend(vec![zero; rank - 1]);
        }
        starts
    }

    fn slice_of(&mut self, x: &Val, at: &Val) -> Val {
        let slice = x.spec.with_shape(&x.spec.shape[1..]);
        if slice.is_empty() {
            return self.full(&slice, 0.0);
        }
        let starts = self.starts(at, x.spec.rank());
        let sizes: Vec<usize> = [&[1], &slice.shape[..]].concat();
        let inputs: Vec<&Val> = std::iter::once(x).chain(&starts).collect();
        let attributes = format!("slice_sizes = {}", array(&sizes));
        let one = self.one("stablehlo.dynamic_slice", &inputs, &attributes, &x.spec.with_shape(sizes));
        self.reshape(&one, &slice.shape)
    }

    fn stack(&mut self, stack: &Val, slice: &Val, at: &Val) -> Val {
        if slice.spec.is_empty() {
            return stack.clone();
        }
        let starts = self.starts(at, stack.spec.rank());
        let one = self.reshape(slice, &[&[1], &slice.spec.shape[..]].concat());
        let inputs: Vec<&Val> = [stack, &one].into_iter().chain(&starts).collect();
        self.one("stablehlo.dynamic_update_slice", &inputs, "", &stack.spec)
    }
}

impl Lower for Scan {
    /// A `while` that carries the step, the state and the stacks.
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (carries, others) = x.split_at(self.carries);
        let (sequences, constants) = others.split_at(self.sequences);
        if self.length == 0 {
            let stacks: Vec<Val> = out[self.carries..].iter().map(|spec| e.full(spec, 0.0)).collect();
            return Ok(carries.iter().cloned().chain(stacks).collect());
        }
        let mut state = vec![e.scalar(DType::I32, 0.0)];
        state.extend(carries.iter().cloned());
        for spec in &out[self.carries..] {
            state.push(e.full(spec, 0.0));
        }
        let specs: Vec<Spec> = state.iter().map(|v| v.spec.clone()).collect();
        let goes_on = e.region(&specs, |e, s| {
            let end = e.scalar(DType::I32, self.length as f64);
            Ok(vec![e.compare("LT", &s[0], &end)])
        })?;
        let step = e.region(&specs, |e, s| {
            let at = if self.reverse {
                let last = e.scalar(DType::I32, (self.length - 1) as f64);
                e.like("stablehlo.subtract", &[&last, &s[0]])
            } else {
                s[0].clone()
            };
            let (state, stacks) = s[1..].split_at(self.carries);
            let mut inputs = state.to_vec();
            for x in sequences {
                inputs.push(e.slice_of(x, &at));
            }
            inputs.extend(constants.iter().cloned());
            let made = e.graph(&self.body, &inputs)?;
            let (next, slices) = made.split_at(self.carries);
            let one = e.scalar(DType::I32, 1.0);
            let mut results = vec![e.like("stablehlo.add", &[&s[0], &one])];
            results.extend(next.iter().cloned());
            for (stack, slice) in stacks.iter().zip(slices) {
                results.push(e.stack(stack, slice, &at));
            }
            Ok(results)
        })?;
        let state: Vec<&Val> = state.iter().collect();
        let mut results = e.with_regions("stablehlo.while", &state, &[goes_on, step], "", &specs);
        results.remove(0);
        Ok(results)
    }
}

impl Lower for While {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (state, constants) = x.split_at(self.carries());
        let (of_cond, of_body) = constants.split_at(self.cond_constants());
        let goes_on = e.region(out, |e, s| e.graph(&self.cond, &[s, of_cond].concat()))?;
        let step = e.region(out, |e, s| e.graph(&self.body, &[s, of_body].concat()))?;
        Ok(e.with_regions("stablehlo.while", &state.iter().collect::<Vec<_>>(), &[goes_on, step], "", out))
    }
}
