//! A plan with its arena, ready to run.
use crate::aligned::{Aligned, give_back_unused};
use crate::buffer::CpuBuffer;
use crate::plan::Plan;
use cornu_graph::{Buffer, Error, Executable, Graph, Profile, Result, Spec, Tensor, memory, passes, verify};

/// The addresses of slots, kept so that a run allocates nothing.
#[derive(Debug)]
struct Slots(Vec<*mut u8>);

// SAFETY: they are filled in anew by each run.
unsafe impl Send for Slots {}

/// A compiled graph of this engine.
#[derive(Debug)]
pub(crate) struct CpuExecutable {
    plan: Plan,
    arena: Aligned,
    slots: Slots,
    inputs: Vec<Spec>,
    outputs: Vec<Spec>,
    state: usize,
    profile: Option<Profile>,
}

impl CpuExecutable {
    /// Plans `graph` and takes the memory it needs.
    ///
    /// # Errors
    /// When the graph is malformed.
    pub fn new(graph: &Graph) -> Result<CpuExecutable> {
        verify(graph)?;
        let plan = Plan::of_program(&passes::optimize(graph)?)?;
        let mut slots = vec![std::ptr::null_mut(); plan.slots()];
        plan.fill_constants(&mut slots);
        let specs = |values: &[cornu_graph::ValueId]| values.iter().map(|&v| graph.spec(v).clone()).collect();
        let bytes = plan.arena_bytes();
        let arena = Some(bytes).filter(|&n| n as u64 <= memory::limit()).and_then(Aligned::try_zeroed);
        let arena = arena.ok_or_else(|| {
            let message = format!("a step needs {bytes} bytes of memory, more than there are");
            Error::Backend { backend: "cpu".into(), message }.help("take a smaller batch")
        })?;
        // What takes less is planned often, as ops on tensors are.
        const MUCH: usize = 1 << 20;
        if bytes >= MUCH {
            give_back_unused();
        }
        Ok(CpuExecutable {
            arena,
            plan,
            slots: Slots(slots),
            inputs: specs(&graph.inputs),
            outputs: specs(&graph.outputs[graph.state..]),
            state: graph.state,
            profile: None,
        })
    }

    fn check(&self, state: usize, inputs: &[Tensor], outputs: usize) -> Result<()> {
        let wanted = (self.state, self.inputs.len() - self.state, self.outputs.len());
        if (state, inputs.len(), outputs) != wanted {
            let got = (state, inputs.len(), outputs);
            let message = format!("a graph with {wanted:?} variables, inputs and outputs was given {got:?}");
            return Err(Error::Data(message));
        }
        for (i, (tensor, spec)) in inputs.iter().zip(&self.inputs[self.state..]).enumerate() {
            if tensor.dtype() != spec.dtype || tensor.shape() != spec.shape {
                let got = Spec::new(tensor.dtype(), tensor.shape());
                return Err(Error::Data(format!("input {i} of the graph is {spec}, got {got}")));
            }
        }
        Ok(())
    }
}

impl Executable for CpuExecutable {
    fn run(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
        outputs: &mut [Tensor],
    ) -> Result<()> {
        self.check(state.len(), inputs, outputs.len())?;
        let slots = &mut self.slots.0;
        slots[0] = self.arena.as_mut_ptr();
        for (i, buffer) in state.iter_mut().enumerate() {
            let buffer = buffer.as_any_mut().downcast_mut::<CpuBuffer>();
            let buffer = buffer.ok_or_else(|| Error::State("a variable lives on another engine".into()))?;
            if *buffer.spec() != self.inputs[i] {
                let message = format!("variable {i} is {}, got {}", self.inputs[i], buffer.spec());
                return Err(Error::Data(message));
            }
            slots[self.plan.input_slot(i)] = buffer.as_mut_ptr();
        }
        for (i, tensor) in inputs.iter().enumerate() {
            // Steps only read inputs.
            slots[self.plan.input_slot(self.state + i)] = tensor.bytes().as_ptr().cast_mut();
        }
        for (i, (tensor, spec)) in outputs.iter_mut().zip(&self.outputs).enumerate() {
            if tensor.dtype() != spec.dtype || tensor.shape() != spec.shape {
                *tensor = Tensor::zeros(spec.shape.clone(), spec.dtype);
            }
            // SAFETY: kernels write valid elements of the spec's dtype.
            slots[self.plan.output_slot(i)] = unsafe { tensor.bytes_mut() }.as_mut_ptr();
        }
        // SAFETY: each slot points to memory of the size of its spec, borrowed for this run.
        unsafe {
            match &mut self.profile {
                None => self.plan.run(slots),
                Some(profile) => self.plan.run_timed(slots, profile),
            }
        }
    }

    fn memory(&self) -> usize {
        self.plan.memory()
    }

    fn start_profile(&mut self) {
        self.profile = Some(self.plan.profile());
    }

    fn take_profile(&mut self) -> Option<Profile> {
        self.profile.take()
    }
}
