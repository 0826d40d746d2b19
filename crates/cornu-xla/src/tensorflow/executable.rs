//! A graph of TensorFlow with one op, and the session that runs it.
use super::api::{Api, TfGraph, TfOperation, TfOutput, TfSession, c_string, config, count, data_type, dims};
use super::buffer::{Held, TensorFlowBuffer};
use super::failure;
use crate::signature::Signature;
use crate::stablehlo::{Options, module};
use cornu_graph::{Buffer, Error, Executable, Graph, Result, Spec, Tensor, environment};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{null, null_mut};

/// The version of the op's conventions: a module without shape polymorphism, for one platform.
const VERSION: i64 = 9;
const DEVICE: &CStr = c"/device:CPU:0";

/// A compiled graph of this engine. XLA compiles it when it first runs.
pub(super) struct TensorFlowExecutable {
    program: Program,
    signature: Signature,
}

impl TensorFlowExecutable {
    pub fn new(api: &'static Api, graph: &Graph) -> Result<TensorFlowExecutable> {
        // XLA inside TensorFlow compiles for the processor with `xla_cpu_enable_fast_min_max`.
        let (graph, signature) = Signature::split(graph);
        let text = module(&graph, &Options { keep_nan: true, ..Options::default() })?;
        let specs = |values: &[cornu_graph::ValueId]| {
            values.iter().map(|&v| graph.spec(v).clone()).collect::<Vec<_>>()
        };
        let program = Program::new(api, &text, &specs(&graph.inputs), &specs(&graph.outputs))?;
        Ok(TensorFlowExecutable { program, signature })
    }
}

fn own<'a>(buffer: &'a mut &mut dyn Buffer) -> Result<&'a mut TensorFlowBuffer> {
    let buffer = buffer.as_any_mut().downcast_mut::<TensorFlowBuffer>();
    buffer.ok_or_else(|| Error::State("a variable lives on another engine".into()))
}

impl Executable for TensorFlowExecutable {
    fn run(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
        outputs: &mut [Tensor],
    ) -> Result<()> {
        let signature = &self.signature;
        signature.check(state.len(), inputs)?;
        signature.check_outputs(outputs.len())?;
        let api = self.program.api;
        let given: Vec<Held> = inputs.iter().map(|t| Held::copied(api, t)).collect::<Result<_>>()?;
        let mut fed = vec![];
        for &i in &signature.order {
            let buffer = own(&mut state[i])?;
            signature.check_variable(i, buffer.spec())?;
            fed.push(buffer.held().as_ptr());
        }
        fed.extend(given.iter().map(Held::as_ptr));
        let results = self.program.run(&fed)?;
        let written = signature.written();
        let specs = written.iter().map(|&i| &signature.outputs[i]).chain(signature.results());
        for (result, spec) in results.iter().zip(specs) {
            result.check(spec)?;
        }
        let mut results = results.into_iter();
        for (&i, result) in written.iter().zip(results.by_ref()) {
            own(&mut state[i])?.replace(result);
        }
        for ((tensor, spec), result) in outputs.iter_mut().zip(signature.results()).zip(results) {
            result.read(spec, tensor)?;
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        // TensorFlow does not say.
        0
    }
}

/// A graph and its session, deleted together.
struct Program {
    api: &'static Api,
    graph: *mut TfGraph,
    session: *mut TfSession,
    inputs: Vec<TfOutput>,
    outputs: Vec<TfOutput>,
}

// SAFETY: graphs and sessions of TensorFlow may be used on any thread.
unsafe impl Send for Program {}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: neither is used afterwards, nor deleted elsewhere.
        unsafe {
            if !self.session.is_null() {
                // A session that cannot be closed is lost; there is nobody to tell.
                let _ = self.api.checked(|status| (self.api.delete_session)(self.session, status));
            }
            (self.api.delete_graph)(self.graph);
        }
    }
}

impl Program {
    fn new(api: &'static Api, text: &str, inputs: &[Spec], outputs: &[Spec]) -> Result<Program> {
        let threads = environment::num_threads()?;
        // SAFETY: a graph is made of nothing.
        let graph = unsafe { (api.new_graph)() };
        let mut program = Program { api, graph, session: null_mut(), inputs: vec![], outputs: vec![] };
        for (i, spec) in inputs.iter().enumerate() {
            let operation = program.placeholder(i, spec)?;
            program.inputs.push(TfOutput { operation, index: 0 });
        }
        let call = program.call(text, inputs, outputs)?;
        let output = |index| Ok(TfOutput { operation: call, index: count(index)? });
        program.outputs = (0..outputs.len()).map(output).collect::<Result<_>>()?;
        // SAFETY: options, config and graph live during the calls.
        unsafe {
            let options = (api.new_session_options)();
            let configured = match threads {
                Some(threads) => {
                    let bytes = config(u32::try_from(threads.get()).unwrap_or(u32::MAX).min(i32::MAX as u32));
                    api.checked(|status| {
                        (api.set_config)(options, bytes.as_ptr().cast(), bytes.len(), status)
                    })
                }
                None => Ok(()),
            };
            let session =
                configured.and_then(|()| api.checked(|status| (api.new_session)(graph, options, status)));
            (api.delete_session_options)(options);
            program.session = session?;
        }
        Ok(program)
    }

    fn placeholder(&self, i: usize, spec: &Spec) -> Result<*mut TfOperation> {
        let (name, sizes) = (c_string(&format!("input_{i}"))?, dims(&spec.shape));
        let rank = count(sizes.len())?;
        let api = self.api;
        // SAFETY: names end with zero, lists have the lengths said, and all live during the calls.
        unsafe {
            let op = (api.new_operation)(self.graph, c"Placeholder".as_ptr(), name.as_ptr());
            (api.set_device)(op, DEVICE.as_ptr());
            (api.set_attr_type)(op, c"dtype".as_ptr(), data_type(spec.dtype));
            (api.set_attr_shape)(op, c"shape".as_ptr(), sizes.as_ptr(), rank);
            api.checked(|status| (api.finish_operation)(op, status))
        }
    }

    /// The op that runs the module.
    fn call(&self, text: &str, inputs: &[Spec], outputs: &[Spec]) -> Result<*mut TfOperation> {
        let types = |specs: &[Spec]| -> Vec<c_int> { specs.iter().map(|s| data_type(s.dtype)).collect() };
        let (types_in, types_out) = (types(inputs), types(outputs));
        let shapes: Vec<Vec<i64>> = outputs.iter().map(|s| dims(&s.shape)).collect();
        let shape_starts: Vec<*const i64> = shapes.iter().map(|s| s.as_ptr()).collect();
        let ranks: Vec<c_int> = shapes.iter().map(|s| count(s.len())).collect::<Result<_>>()?;
        let (n_in, n_out) = (count(inputs.len())?, count(outputs.len())?);
        let platform = "CPU";
        let platforms: [*const c_void; 1] = [platform.as_ptr().cast()];
        let api = self.api;
        // SAFETY: as above.
        unsafe {
            let op = (api.new_operation)(self.graph, c"XlaCallModule".as_ptr(), c"main".as_ptr());
            (api.set_device)(op, DEVICE.as_ptr());
            (api.add_input_list)(op, self.inputs.as_ptr(), n_in);
            (api.set_attr_int)(op, c"version".as_ptr(), VERSION);
            (api.set_attr_string)(op, c"module".as_ptr(), text.as_ptr().cast(), text.len());
            (api.set_attr_shape_list)(op, c"Sout".as_ptr(), shape_starts.as_ptr(), ranks.as_ptr(), n_out);
            (api.set_attr_type_list)(op, c"Tout".as_ptr(), types_out.as_ptr(), n_out);
            (api.set_attr_type_list)(op, c"Tin".as_ptr(), types_in.as_ptr(), n_in);
            let lengths = [platform.len()];
            (api.set_attr_string_list)(op, c"platforms".as_ptr(), platforms.as_ptr(), lengths.as_ptr(), 1);
            api.checked(|status| (api.finish_operation)(op, status))
        }
    }

    fn run(&self, fed: &[*mut super::api::TfTensor]) -> Result<Vec<Held>> {
        let api = self.api;
        if self.outputs.is_empty() {
            return Ok(vec![]);
        }
        let mut results = vec![null_mut(); self.outputs.len()];
        let (n_in, n_out) = (count(fed.len())?, count(results.len())?);
        // SAFETY: there is one tensor for each input, room for each output, and all live during the call.
        let done = api.checked(|status| unsafe {
            (api.session_run)(
                self.session,
                null(),
                self.inputs.as_ptr(),
                fed.as_ptr(),
                n_in,
                self.outputs.as_ptr(),
                results.as_mut_ptr(),
                n_out,
                null(),
                0,
                null_mut(),
                status,
            )
        });
        let held: Vec<Option<Held>> = results.into_iter().map(|t| Held::from_raw(api, t)).collect();
        done?;
        held.into_iter().map(|t| t.ok_or_else(|| failure("a result is missing"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorflow::{api, find};

    /// What TensorFlow says of a module that it does not take is what the user is told.
    #[test]
    fn refused_module() {
        if find().is_none() {
            println!("skipped: there is no TensorFlow");
            return;
        }
        let api = api::open(None).unwrap();
        let spec = Spec::f32([2]);
        let given = Held::copied(api, &Tensor::from([1f32, 2.0])).unwrap();
        let text = "module { func.func public @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %y : tensor<2xf32> } }";
        let refused = Program::new(api, text, std::slice::from_ref(&spec), std::slice::from_ref(&spec))
            .and_then(|program| program.run(&[given.as_ptr()]));
        let e = refused.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(e.starts_with("backend `tensorflow`: ") && e.contains("undeclared SSA value"), "{e}");
    }
}
