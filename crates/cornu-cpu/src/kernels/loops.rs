//! Loops: their bodies are plans of their own, run over slices in place.
use super::{Args, Kernel, Lower};
use crate::plan::{Nested, Plan};
use crate::pool::Pool;
use cornu_graph::ops::{Scan, While};
use cornu_graph::{Graph, Result, Rows, Spec, ValueId, by_rows};

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

/// Rows of the state that one task takes through all steps, where rows do not depend on each other.
const ROWS: usize = 16;
/// Constants of a loop that its tasks keep in the second cache, in bytes; with more, the products within a step share them.
const KEPT: usize = 600 << 10;

/// Some rows of a loop, from the first step to the last.
struct Part {
    /// Where each input and output begins, in bytes.
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    nested: Nested,
    carries: Carries,
    scratch: usize,
}

impl Part {
    /// Rows from `first` on, of which `by_row` inputs and all outputs have a share.
    fn new(body: &Graph, carries: usize, first: usize, by_row: &[bool]) -> Result<Part> {
        let offset = |v: ValueId| {
            let spec = body.spec(v);
            spec.bytes() / spec.shape.first().copied().unwrap_or(1).max(1) * first
        };
        let inputs = body.inputs.iter().zip(by_row).map(|(&v, &by_row)| if by_row { offset(v) } else { 0 });
        let specs: Vec<Spec> = body.outputs[..carries].iter().map(|&v| body.spec(v).clone()).collect();
        let (nested, carries) = (Nested::new(Plan::new(body)?), Carries::new(&specs));
        Ok(Part {
            inputs: inputs.collect(),
            outputs: body.outputs.iter().map(|&v| offset(v)).collect(),
            scratch: carries.scratch_bytes() + nested.scratch_bytes(),
            nested,
            carries,
        })
    }

    /// The parts of a loop: one, or as many as its number of rows says.
    fn all(scan: &Scan) -> Result<Vec<Part>> {
        let body = &scan.body;
        let whole = || Ok(vec![Part::new(body, scan.carries, 0, &vec![false; body.inputs.len()])?]);
        let carry = body.inputs[..scan.carries].first();
        let Some(&rows) = carry.and_then(|&v| body.spec(v).shape.first()) else { return whole() };
        let Some(part) = by_rows(body, scan.carries, rows, ROWS.min(rows)) else { return whole() };
        let constants = scan.carries + scan.sequences..body.inputs.len();
        let kept: usize =
            constants.filter(|&i| !part.inputs[i]).map(|i| body.spec(body.inputs[i]).bytes()).sum();
        if rows < 2 * ROWS || kept > KEPT {
            return whole();
        }
        let mut parts = vec![];
        for first in (0..rows).step_by(ROWS) {
            let part = by_rows(body, scan.carries, rows, ROWS.min(rows - first));
            let Some(Rows { graph, inputs }) = part else { return whole() };
            parts.push(Part::new(&graph, scan.carries, first, &inputs)?);
        }
        Ok(parts)
    }
}

/// Where a carry stands between steps.
#[derive(Clone, Copy)]
enum Kept {
    /// In memory of its own.
    Apart,
    /// In this stacked output, which takes what each step makes of the carry.
    After(usize),
    /// In this stacked output, which takes what each step begins with.
    Before(usize),
}

impl Kept {
    /// Where carry `i` of a loop stands.
    fn of(scan: &Scan, i: usize) -> Kept {
        let stacked = |v: ValueId| scan.body.outputs[scan.carries..].iter().position(|&o| o == v);
        // Other carries may be the same value, which then is copied from one to the other.
        let alone =
            scan.body.outputs[..scan.carries].iter().filter(|&&o| o == scan.body.outputs[i]).count() == 1;
        match (stacked(scan.body.outputs[i]), stacked(scan.body.inputs[i])) {
            (Some(output), _) if alone => Kept::After(output),
            (_, Some(output)) => Kept::Before(output),
            _ => Kept::Apart,
        }
    }
}

/// How a loop walks through memory.
struct Walk {
    carries: usize,
    kept: Vec<Kept>,
    length: usize,
    reverse: bool,
    /// Bytes of a slice of each sequence, and of each stacked output.
    read: Vec<usize>,
    written: Vec<usize>,
}

impl Walk {
    /// Takes the rows of a part through all steps.
    ///
    /// # Safety
    /// The operands must have the specs of the loop; `scratch` must have room for the part.
    unsafe fn run(&self, part: &Part, args: &Args, scratch: *mut u8) -> Result<()> {
        let count = self.carries;
        let input = |i: usize| args.input::<u8>(i).wrapping_add(part.inputs[i]).cast_mut();
        let output = |i: usize| args.output::<u8>(i).wrapping_add(part.outputs[i]);
        // SAFETY: slices lie within their arrays, and each slot within memory of its spec.
        unsafe {
            let slots = part.nested.slots(scratch.add(part.carries.scratch_bytes()));
            let plan = &part.nested.plan;
            for i in count + self.read.len()..part.inputs.len() {
                slots[plan.input_slot(i)] = input(i);
            }
            let time = |step: usize| if self.reverse { self.length - 1 - step } else { step };
            // Where carry `i` stands before a step.
            let place = |i: usize, step: usize| match self.kept[i] {
                _ if step == 0 => input(i),
                _ if step == self.length => output(i),
                Kept::After(o) => output(count + o).add(time(step - 1) * self.written[o]),
                Kept::Before(o) => output(count + o).add(time(step) * self.written[o]),
                Kept::Apart => part.carries.place(scratch, i, step),
            };
            for step in 0..self.length {
                for i in 0..count {
                    slots[plan.input_slot(i)] = place(i, step);
                    slots[plan.output_slot(i)] = place(i, step + 1);
                }
                let time = time(step);
                for (i, bytes) in self.read.iter().enumerate() {
                    slots[plan.input_slot(count + i)] = input(count + i).add(time * bytes);
                }
                for (i, bytes) in self.written.iter().enumerate() {
                    slots[plan.output_slot(count + i)] = output(count + i).add(time * bytes);
                }
                plan.run(slots)?;
            }
        }
        Ok(())
    }
}

impl Lower for Scan {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let parts = Part::all(self)?;
        let (count, length) = (self.carries, self.length);
        let slice = |spec: &Spec| spec.bytes() / length.max(1);
        let walk = Walk {
            carries: count,
            kept: (0..count).map(|i| Kept::of(self, i)).collect(),
            length,
            reverse: self.reverse,
            read: inputs[count..count + self.sequences].iter().map(|s| slice(s)).collect(),
            written: outputs[count..].iter().map(slice).collect(),
        };
        let bytes: Vec<usize> = outputs[..count].iter().map(Spec::bytes).collect();
        let each = parts.iter().map(|p| p.scratch.next_multiple_of(64)).max().unwrap_or(0);
        let scratch = each * parts.len();
        let run = move |args: &Args| -> Result<()> {
            if length == 0 {
                for (i, &bytes) in bytes.iter().enumerate() {
                    // SAFETY: a carry leaves as it came.
                    unsafe { std::ptr::copy_nonoverlapping(args.input::<u8>(i), args.output(i), bytes) };
                }
                return Ok(());
            }
            let scratch = args.scratch::<u8>() as usize;
            let task = |i: usize| {
                let scratch = (scratch + i * each) as *mut u8;
                // SAFETY: the plan gives operands the memory of their specs; parts have scratch memory and rows of their own.
                unsafe { walk.run(&parts[i], args, scratch) }
            };
            match parts.len() {
                // Its steps may use all threads.
                1 => task(0),
                parts => Pool::global().try_run(parts, &task),
            }
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
