//! Loops over time.
use super::{Attributes, Broadcast, OpRule, Reshape};
use crate::graph::{Graph, ValueId};
use crate::{Builder, Error, Op, Result, Spec, Value};
use std::collections::HashMap;

op! {
    /// Runs `body` `length` times, carrying state from step to step.
    ///
    /// Inputs: the first carries, then the sequences (axis 0 is time, of size `length`), then constants of the loop.
    /// The body takes the carries, one slice of each sequence and the constants; it gives the next carries, then one
    /// slice of each stacked output. Outputs: the last carries, then the stacked outputs. With `reverse` time runs
    /// backwards: slices are read and written from the last to the first. StableHLO: a `while`.
    Scan "scan" {
        /// One step.
        body: Graph,
        /// Number of carries.
        carries: usize,
        /// Number of sequences.
        sequences: usize,
        /// Number of steps.
        length: usize,
        /// From the last slice to the first.
        reverse: bool,
    }
}

impl OpRule for Scan {
    fn arity_out(&self) -> usize {
        self.body.outputs.len()
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let bad = |why: String| Error::op(Self::NAME, why);
        let loops = self.carries + self.sequences;
        if inputs.len() != self.body.inputs.len() || loops > inputs.len() || self.body.outputs.len() < self.carries {
            return Err(bad(format!("the body takes {} inputs, got {}", self.body.inputs.len(), inputs.len())));
        }
        for (i, (&x, &inner)) in inputs.iter().zip(&self.body.inputs).enumerate() {
            let sliced = (self.carries..loops).contains(&i);
            if sliced && x.shape.first() != Some(&self.length) {
                return Err(bad(format!("sequence {} must have {} steps, got {x}", i - self.carries, self.length)));
            }
            let slice = if sliced { x.with_shape(&x.shape[1..]) } else { x.clone() };
            if &slice != self.body.spec(inner) {
                return Err(bad(format!("the body's input {i} is {}, got {slice}", self.body.spec(inner))));
            }
        }
        let mut outputs: Vec<Spec> = self.body.outputs.iter().map(|&v| self.body.spec(v).clone()).collect();
        for (i, (out, x)) in outputs.iter().zip(inputs).take(self.carries).enumerate() {
            if out != *x {
                return Err(bad(format!("carry {i} starts as {x} and becomes {out}")));
            }
        }
        for y in &mut outputs[self.carries..] {
            y.shape.insert(0, self.length);
        }
        Ok(outputs)
    }

    fn bodies(&self) -> Vec<&Graph> {
        vec![&self.body]
    }

    fn flops(&self, _: &[&Spec], _: &[Spec]) -> f64 {
        self.length as f64 * (0..self.body.nodes.len()).map(|i| self.body.flops(i)).sum::<f64>()
    }

    /// Another scan, against the time of this one. What a step of the backward loop needs of the forward step is stacked
    /// by the forward loop, which is extended in place.
    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let Some(first) = y.first().or(x.first()) else { return vec![] };
        self.backward(x, y, g).unwrap_or_else(|e| {
            first.fail(e);
            vec![None; x.len()]
        })
    }
}

impl Scan {
    fn backward(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Result<Vec<Option<Value>>> {
        let outer = y[0].builder().clone();
        let loops = self.carries + self.sequences;
        let is_float = |v: &ValueId| self.body.spec(*v).dtype.is_float();

        // One step forward and its derivative, in a scratch graph.
        let scratch = Builder::new();
        let step_in: Vec<Value> = self.body.inputs.iter().map(|&v| scratch.input(self.body.spec(v).clone())).collect();
        let step_out = scratch.inline(&self.body, &step_in);
        let forward_end = scratch.len();
        let seeds: Vec<Option<Value>> = step_out
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let reached = v.dtype().is_float() && (i < self.carries || g[i].is_some());
                reached.then(|| scratch.input(v.spec().clone()))
            })
            .collect();
        let wrt: Vec<Value> = step_in.iter().filter(|v| v.dtype().is_float()).cloned().collect();
        let mut found = vjp_cut(&step_out, &seeds, &wrt)?.into_iter();
        let step_grads: Vec<Option<Value>> =
            step_in.iter().map(|v| if v.dtype().is_float() { found.next().flatten() } else { None }).collect();

        // The backward body: carries are the gradients of the carries and sums of the gradients of the constants.
        let body = outer.nested();
        let carry_ids: Vec<usize> = (0..self.carries).filter(|&i| is_float(&self.body.inputs[i])).collect();
        let const_ids: Vec<usize> =
            (loops..x.len()).filter(|&i| step_grads[i].is_some()).collect();
        let sequence_ids: Vec<usize> = (self.carries..loops).filter(|&i| step_grads[i].is_some()).collect();
        let seeded: Vec<usize> = (self.carries..step_out.len()).filter(|&i| seeds[i].is_some()).collect();

        let mut map: HashMap<ValueId, Value> = HashMap::new();
        let mut init = vec![];
        for &i in &carry_ids {
            let input = body.input(step_in[i].spec().clone());
            if let Some(seed) = &seeds[i] {
                map.insert(seed.id(), input);
            }
            init.push(g[i].clone().unwrap_or_else(|| y[i].full_like(0.0)));
        }
        let mut sums = vec![];
        for &i in &const_ids {
            sums.push(body.input(step_in[i].spec().clone()));
            init.push(x[i].full_like(0.0));
        }
        let mut sequences = vec![];
        for &i in &seeded {
            let input = body.input(step_out[i].spec().clone());
            if let (Some(seed), Some(g)) = (&seeds[i], &g[i]) {
                map.insert(seed.id(), input);
                sequences.push(g.clone());
            }
        }

        // Forward values that the derivative needs become stacked outputs of the forward loop, then sequences here.
        let mut copier = StepCopy { scratch: &scratch, body: &body, forward_end, map, needed: vec![] };
        for (i, v) in step_in.iter().enumerate().skip(loops) {
            copier.map.insert(v.id(), x[i].clone());
        }
        let grads: Vec<Option<Value>> = step_grads.iter().map(|v| v.as_ref().map(|v| copier.copy(v))).collect();
        let needed = std::mem::take(&mut copier.needed);
        let stacked = self.extend_forward(&outer, x, y, &step_in, &needed)?;
        sequences.extend(stacked);

        let mut outputs: Vec<Value> = vec![];
        for &i in &carry_ids {
            outputs.push(grads[i].clone().unwrap_or_else(|| body.full(step_in[i].spec().clone(), 0.0)));
        }
        for (sum, &i) in sums.iter().zip(&const_ids) {
            outputs.push(grads[i].as_ref().map_or_else(|| sum.clone(), |d| sum + d));
        }
        outputs.extend(sequence_ids.iter().filter_map(|&i| grads[i].clone()));
        let (graph, captures) = body.finish_body(&outputs)?;
        let scan = Scan {
            body: graph,
            carries: init.len(),
            sequences: sequences.len(),
            length: self.length,
            reverse: !self.reverse,
        };
        let inputs: Vec<&Value> = init.iter().chain(&sequences).chain(&captures).collect();
        let results = outer.emit(scan, &inputs);
        outer.check()?;

        let order = carry_ids.iter().chain(&const_ids).chain(&sequence_ids);
        let mut dx = vec![None; x.len()];
        order.zip(results).for_each(|(&i, d)| dx[i] = Some(d));
        Ok(dx)
    }

    /// Makes the forward loop stack these values of each step; the stacks.
    fn extend_forward(
        &self,
        outer: &Builder,
        x: &[Value],
        y: &[Value],
        step_in: &[Value],
        needed: &[ValueId],
    ) -> Result<Vec<Value>> {
        let node = y[0].id().index();
        // The scratch graph starts with the body's inputs; its next nodes are the body's others, in order.
        let mut place: HashMap<ValueId, ValueId> = HashMap::new();
        step_in.iter().zip(&self.body.inputs).for_each(|(v, &id)| { place.insert(v.id(), id); });
        let others = (0..self.body.nodes.len()).filter(|&i| self.body.nodes[i].op != Op::Input);
        for (position, i) in others.enumerate() {
            for k in 0..self.body.nodes[i].outputs.len() {
                place.insert(ValueId::new(step_in.len() + position, k), ValueId::new(i, k));
            }
        }
        let Op::Scan(mut extended) = outer.node(node).op else {
            return Err(Error::Graph("the node of a scan changed its op".into()));
        };
        let mut which = vec![];
        for v in needed {
            let inner = *place.get(v).ok_or_else(|| Error::Graph("a backward value is needed forward".into()))?;
            let known = extended.body.outputs[self.carries..].iter().position(|&o| o == inner);
            which.push(self.carries + known.unwrap_or(extended.body.outputs.len() - self.carries));
            if known.is_none() {
                extended.body.outputs.push(inner);
            }
        }
        let specs: Vec<&Spec> = x.iter().map(Value::spec).collect();
        let outputs = extended.infer(&specs)?;
        let inputs = x.iter().map(|v| outer.import(v)).collect::<Result<Vec<_>>>()?;
        outer.extend_node(node, extended.into(), inputs, outputs);
        Ok(which.into_iter().map(|k| outer.value(ValueId::new(node, k))).collect())
    }
}

/// Copies the derivative of one step into the backward body.
struct StepCopy<'a> {
    scratch: &'a Builder,
    body: &'a Builder,
    forward_end: usize,
    map: HashMap<ValueId, Value>,
    /// Forward values met, in the order of the body's inputs for them.
    needed: Vec<ValueId>,
}

impl StepCopy<'_> {
    fn copy(&mut self, v: &Value) -> Value {
        if let Some(done) = self.map.get(&v.id()) {
            return done.clone();
        }
        let node = self.scratch.node(v.id().index());
        // What only moves numbers is cheaper to do again than to keep.
        let cheap = matches!(node.op, Op::Constant(_) | Op::Iota(_))
            || matches!(node.op, Op::Broadcast(Broadcast { .. }) | Op::Reshape(Reshape { .. }));
        if v.id().index() < self.forward_end && !cheap {
            let input = self.body.input(v.spec().clone());
            self.needed.push(v.id());
            self.map.insert(v.id(), input.clone());
            return input;
        }
        let inputs: Vec<Value> = node.inputs.iter().map(|&i| self.copy(&self.scratch.value(i))).collect();
        let outputs = self.body.emit(node.op, &inputs.iter().collect::<Vec<_>>());
        for (k, out) in outputs.iter().enumerate() {
            self.map.insert(ValueId { node: v.id().node, output: k as u32 }, out.clone());
        }
        self.map.get(&v.id()).cloned().unwrap_or_else(|| self.body.failed())
    }
}

/// [`crate::vjp`] by inputs of the graph, which nothing precedes.
fn vjp_cut(outputs: &[Value], seeds: &[Option<Value>], wrt: &[Value]) -> Result<Vec<Option<Value>>> {
    if wrt.is_empty() { Ok(vec![]) } else { crate::vjp(outputs, seeds, wrt) }
}

impl Builder {
    /// Loops over axis 0 of `sequences` with state; see [`Scan`]. `step` gets the carries and one slice of each sequence, and
    /// gives the next carries and the outputs to stack. It may use any value of this graph. Returns the last carries and
    /// the stacked outputs.
    ///
    /// # Errors
    /// What `step` returns, or what went wrong while building it.
    #[track_caller]
    pub fn scan(
        &self,
        carries: &[Value],
        sequences: &[Value],
        length: usize,
        reverse: bool,
        step: impl FnOnce(&Builder, &[Value], &[Value]) -> Result<(Vec<Value>, Vec<Value>)>,
    ) -> Result<(Vec<Value>, Vec<Value>)> {
        self.check()?;
        let body = self.nested();
        let state: Vec<Value> = carries.iter().map(|v| body.input(v.spec().clone())).collect();
        let mut slices = vec![];
        for v in sequences {
            if v.rank() == 0 {
                return Err(Error::op(Scan::NAME, "a sequence needs a time axis, got a scalar"));
            }
            slices.push(body.input(v.spec().with_shape(&v.shape()[1..])));
        }
        let (next, stacked) = step(&body, &state, &slices)?;
        if next.len() != carries.len() {
            return Err(Error::op(Scan::NAME, format!("{} carries became {}", carries.len(), next.len())));
        }
        let outputs: Vec<Value> = next.into_iter().chain(stacked).collect();
        let (graph, captures) = body.finish_body(&outputs)?;
        let scan =
            Scan { body: graph, carries: carries.len(), sequences: sequences.len(), length, reverse };
        let inputs: Vec<&Value> = carries.iter().chain(sequences).chain(&captures).collect();
        let mut outputs = self.emit(scan, &inputs);
        self.check()?;
        let stacked = outputs.split_off(carries.len());
        Ok((outputs, stacked))
    }
}
