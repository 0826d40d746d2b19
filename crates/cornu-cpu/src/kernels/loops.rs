//! Loops: their bodies are plans of their own, run over slices in place.
use super::{Args, Kernel, Lower};
use crate::plan::Plan;
use cornu_graph::ops::{Scan, While};
use cornu_graph::{Result, Spec};

/// Scratch memory of a plan within another: its slots, then its arena.
struct Nested {
    plan: Plan,
    slots_bytes: usize,
}

impl Nested {
    fn new(plan: Plan) -> Nested {
        Nested { slots_bytes: (plan.slots() * size_of::<*mut u8>()).next_multiple_of(64), plan }
    }

    fn scratch_bytes(&self) -> usize {
        self.slots_bytes + self.plan.arena_bytes()
    }

    /// The slots, in scratch memory, with arena and constants filled in.
    unsafe fn slots<'a>(&self, scratch: *mut u8) -> &'a mut [*mut u8] {
        // SAFETY: the caller's: the scratch memory is ours and aligned.
        unsafe {
            let slots = std::slice::from_raw_parts_mut(scratch.cast::<*mut u8>(), self.plan.slots());
            slots[0] = scratch.add(self.slots_bytes);
            self.plan.fill_constants(slots);
            slots
        }
    }
}

/// Two places for each carry, one read and one written by a step.
struct Carries {
    offsets: Vec<usize>,
    bytes: Vec<usize>,
    total: usize,
}

impl Carries {
    fn new(specs: &[Spec]) -> Carries {
        let (mut offsets, mut total) = (vec![], 0);
        for spec in specs {
            offsets.push(total);
            total += spec.bytes().next_multiple_of(64);
        }
        Carries { offsets, bytes: specs.iter().map(Spec::bytes).collect(), total }
    }

    fn scratch_bytes(&self) -> usize {
        2 * self.total
    }

    fn place(&self, scratch: *mut u8, i: usize, step: usize) -> *mut u8 {
        scratch.wrapping_add(step % 2 * self.total + self.offsets[i])
    }
}

impl Lower for Scan {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let nested = Nested::new(Plan::new(&self.body)?);
        let carries = Carries::new(&outputs[..self.carries]);
        let (count, sequences, length, reverse) = (self.carries, self.sequences, self.length, self.reverse);
        let slice = |spec: &Spec| spec.bytes() / length.max(1);
        let read: Vec<usize> = inputs[count..count + sequences].iter().map(|s| slice(s)).collect();
        let written: Vec<usize> = outputs[count..].iter().map(slice).collect();
        let constants = count + sequences..inputs.len();
        let scratch = carries.scratch_bytes() + nested.scratch_bytes();
        let run = move |args: &Args| -> Result<()> {
            let scratch: *mut u8 = args.scratch();
            // SAFETY: slices lie within their arrays, and each slot within memory of its spec.
            unsafe {
                if length == 0 {
                    for i in 0..count {
                        std::ptr::copy_nonoverlapping(args.input::<u8>(i), args.output(i), carries.bytes[i]);
                    }
                    return Ok(());
                }
                let slots = nested.slots(scratch.add(carries.scratch_bytes()));
                let plan = &nested.plan;
                for i in constants.clone() {
                    slots[plan.input_slot(i)] = args.input::<u8>(i).cast_mut();
                }
                for step in 0..length {
                    let time = if reverse { length - 1 - step } else { step };
                    for i in 0..count {
                        slots[plan.input_slot(i)] = match step {
                            0 => args.input::<u8>(i).cast_mut(),
                            _ => carries.place(scratch, i, step),
                        };
                        slots[plan.output_slot(i)] = match step + 1 == length {
                            true => args.output(i),
                            false => carries.place(scratch, i, step + 1),
                        };
                    }
                    for (i, bytes) in read.iter().enumerate() {
                        slots[plan.input_slot(count + i)] =
                            args.input::<u8>(count + i).add(time * bytes).cast_mut();
                    }
                    for (i, bytes) in written.iter().enumerate() {
                        slots[plan.output_slot(count + i)] = args.output::<u8>(count + i).add(time * bytes);
                    }
                    plan.run(slots)?;
                }
            }
            Ok(())
        };
        Ok(Some(Kernel { run: Box::new(run), scratch }))
    }
}

impl Lower for While {
    fn lower(&self, _: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (cond, body) = (Nested::new(Plan::new(&self.cond)?), Nested::new(Plan::new(&self.body)?));
        let carries = Carries::new(outputs);
        let (count, of_cond) = (outputs.len(), self.cond_constants());
        let first_of_body = count + of_cond;
        /// The condition, a bool, at the start of the scratch memory.
        const FLAG: usize = 64;
        let scratch = FLAG + carries.scratch_bytes() + cond.scratch_bytes() + body.scratch_bytes();
        let run = move |args: &Args| -> Result<()> {
            let flag: *mut u8 = args.scratch();
            // SAFETY: every slot lies within memory of its spec.
            unsafe {
                let places = flag.add(FLAG);
                let rest = places.add(carries.scratch_bytes());
                let of_cond_slots = cond.slots(rest);
                let body_slots = body.slots(rest.add(cond.scratch_bytes()));
                of_cond_slots[cond.plan.output_slot(0)] = flag;
                for i in count..args.inputs.len() {
                    let constant = args.input::<u8>(i).cast_mut();
                    if i < first_of_body {
                        of_cond_slots[cond.plan.input_slot(i)] = constant;
                    } else {
                        body_slots[body.plan.input_slot(i - of_cond)] = constant;
                    }
                }
                for i in 0..count {
                    let bytes = carries.bytes[i];
                    std::ptr::copy_nonoverlapping(args.input::<u8>(i), carries.place(places, i, 0), bytes);
                }
                let mut step = 0;
                loop {
                    for i in 0..count {
                        of_cond_slots[cond.plan.input_slot(i)] = carries.place(places, i, step);
                        body_slots[body.plan.input_slot(i)] = carries.place(places, i, step);
                        body_slots[body.plan.output_slot(i)] = carries.place(places, i, step + 1);
                    }
                    cond.plan.run(of_cond_slots)?;
                    if *flag == 0 {
                        break;
                    }
                    body.plan.run(body_slots)?;
                    step += 1;
                }
                for i in 0..count {
                    let from = carries.place(places, i, step);
                    std::ptr::copy_nonoverlapping(from, args.output::<u8>(i), carries.bytes[i]);
                }
            }
            Ok(())
        };
        Ok(Some(Kernel { run: Box::new(run), scratch }))
    }
}
