//! Compiled programs.
use super::api;
use super::buffer::{Event, Held, PjrtBuffer, read_all};
use super::cache::Entry;
use super::client::Client;
use super::mesh::{Mesh, Spread};
use super::proto::{self, Flag};
use super::{failure, find};
use crate::signature::Signature;
use crate::stablehlo::{Options, Shared, module};
use cornu_graph::{Buffer, Error, Executable, Graph, Pending, Result, Tensor};
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::Arc;

/// A compiled graph of this engine.
#[derive(Debug)]
pub(super) struct PjrtExecutable {
    program: Program,
    signature: Arc<Signature>,
    /// Along which axis several devices share each input.
    axes: Vec<Option<usize>>,
}

impl PjrtExecutable {
    /// Takes the program from the disk, or compiles it and puts it there. Several devices share the inputs along `axes`.
    pub fn new(mesh: &Arc<Mesh>, graph: &Graph, axes: &[Option<usize>]) -> Result<PjrtExecutable> {
        let (client, (graph, signature)) = (&mesh.client, Signature::split(graph));
        let inputs = graph.inputs.iter().enumerate().map(|(i, &v)| {
            let axis = axes.get(i.checked_sub(signature.state)?).copied().flatten();
            mesh.part(&graph.spec(v).shape, axis).map(|(axis, _)| axis)
        });
        let shared = (mesh.len() > 1).then(|| Shared { parts: mesh.len(), axes: inputs.collect() });
        let mut text = module(&graph, &Options { alias_state: true, shared, ..Options::default() })?;
        if client.plugin().wants_graph {
            graph.to_string().lines().for_each(|line| text.extend(["// cornu: ", line, "\n"]));
        }
        let program = Program::load_or_compile(mesh, &text)?;
        let (wanted, given) = (graph.outputs.len(), program.outputs()?);
        if given != wanted {
            return Err(failure(format!("a program of {wanted} outputs became one of {given}")));
        }
        Ok(PjrtExecutable { program, signature: Arc::new(signature), axes: axes.to_vec() })
    }

    fn begin(&mut self, state: &mut [&mut dyn Buffer], inputs: &[Tensor]) -> Result<Running> {
        let (mesh, signature) = (&*self.program.mesh, &*self.signature);
        signature.check(state.len(), inputs)?;
        // A list for each device.
        let mut arguments = vec![vec![]; mesh.len()];
        let mut add = |value: &Spread| {
            arguments.iter_mut().enumerate().for_each(|(place, list)| list.push(value.as_ptr(place)));
        };
        for &i in &signature.order {
            let buffer = own(state[i], mesh)?;
            signature.check_variable(i, buffer.spec())?;
            add(buffer.held());
        }
        // Freed when the run no longer needs them: the plugin counts its own uses.
        let axis = |i: usize| self.axes.get(i).copied().flatten();
        let given = inputs.iter().enumerate().map(|(i, t)| mesh.parts(t, axis(i)));
        let given: Vec<Spread> = given.collect::<Result<_>>()?;
        given.iter().for_each(&mut add);
        let started = self.program.execute(&arguments, signature.written + signature.results().len());
        let (mut results, done) = match started {
            Ok((results, done)) => (results.into_iter(), done),
            Err(e) => {
                let mut lost = false;
                for &i in signature.written() {
                    lost |= own(state[i], mesh)?.held().is_deleted();
                }
                return Err(if lost { without_variables(e) } else { e });
            }
        };
        for (&i, result) in signature.written().iter().zip(results.by_ref()) {
            own(state[i], mesh)?.replace(result);
        }
        Ok(Running { results: results.collect(), done, signature: self.signature.clone() })
    }
}

/// The buffer as one of these devices.
fn own<'a>(buffer: &'a mut dyn Buffer, mesh: &Mesh) -> Result<&'a mut PjrtBuffer> {
    let buffer = buffer.as_any_mut().downcast_mut::<PjrtBuffer>().filter(|b| b.mesh() == mesh);
    buffer.ok_or_else(|| Error::State("a variable lives on another engine".into()))
}

/// An error of a run that had the memory of the variables already.
fn without_variables(e: Error) -> Error {
    e.help("the variables were handed over to the step that failed and are lost: load the weights again")
}

impl Executable for PjrtExecutable {
    fn run(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
        outputs: &mut [Tensor],
    ) -> Result<()> {
        self.signature.check_outputs(outputs.len())?;
        Box::new(self.begin(state, inputs)?).finish(outputs)
    }

    fn start(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
    ) -> Result<Option<Box<dyn Pending>>> {
        Ok(Some(Box::new(self.begin(state, inputs)?)))
    }

    fn memory(&self) -> usize {
        // It is the plugin's, which takes it as it needs it.
        0
    }
}

/// A run that was begun.
#[derive(Debug)]
struct Running {
    /// Outputs besides the variables.
    results: Vec<Spread>,
    /// One for each device.
    done: Vec<Event>,
    signature: Arc<Signature>,
}

impl Pending for Running {
    fn finish(self: Box<Self>, outputs: &mut [Tensor]) -> Result<()> {
        self.signature.check_outputs(outputs.len())?;
        // Each device has them all.
        let first = self.results.iter().filter_map(|result| result.0.first());
        let read = read_all(first.zip(self.signature.results()).zip(outputs));
        let mut done = Ok(());
        for event in &self.done {
            let waited = event.wait("run the program");
            done = done.and(waited);
        }
        match (done, self.signature.written) {
            (Err(e), written) if written > 0 => Err(without_variables(e)),
            (done, _) => done.and(read),
        }
    }
}

/// A program of the plugin, destroyed with this.
#[derive(Debug)]
struct Program {
    mesh: Arc<Mesh>,
    raw: *mut api::LoadedExecutable,
}

// SAFETY: programs of PJRT may be run and destroyed on any thread.
unsafe impl Send for Program {}

impl Drop for Program {
    fn drop(&mut self) {
        let plugin = self.mesh.client.plugin();
        let mut args = api::LoadedExecutableDestroyArgs {
            executable: self.raw,
            ..api::LoadedExecutableDestroyArgs::new()
        };
        // There is nobody to tell.
        let _ = plugin.call("free a program", plugin.api.loaded_executable_destroy, &mut args);
    }
}

impl Program {
    fn load_or_compile(mesh: &Arc<Mesh>, text: &str) -> Result<Program> {
        let client = &mesh.client;
        let devices = if mesh.is_default() { vec![] } else { mesh.ids() };
        let options = proto::compile_options(&devices, &flags(client));
        let entry = entry(client, text, &options);
        if let Some(bytes) = entry.as_ref().and_then(Entry::read)
            && let Ok(program) = Program::deserialize(mesh, &bytes)
        {
            return Ok(program);
        }
        let program = Program::compile(mesh, text, &options)?;
        if let Some(entry) = entry
            && let Ok(bytes) = program.serialize()
        {
            // Without a file the program is compiled again, that is all.
            let _ = entry.write(&bytes, client.options().cache_max_size.unwrap_or(CACHE_SIZE));
        }
        Ok(program)
    }

    fn compile(mesh: &Arc<Mesh>, text: &str, options: &[u8]) -> Result<Program> {
        let (plugin, format) = (mesh.client.plugin(), "mlir");
        let program = api::Program {
            code: text.as_ptr().cast(),
            code_size: text.len(),
            format: format.as_ptr().cast(),
            format_size: format.len(),
            ..api::Program::new()
        };
        let mut args = api::ClientCompileArgs {
            client: mesh.client.as_ptr(),
            program: &program,
            compile_options: options.as_ptr().cast(),
            compile_options_size: options.len(),
            ..api::ClientCompileArgs::new()
        };
        plugin.call("compile the program", plugin.api.client_compile, &mut args)?;
        Ok(Program { mesh: mesh.clone(), raw: args.executable })
    }

    fn deserialize(mesh: &Arc<Mesh>, bytes: &[u8]) -> Result<Program> {
        let plugin = mesh.client.plugin();
        let mut args = api::ExecutableDeserializeAndLoadArgs {
            client: mesh.client.as_ptr(),
            serialized_executable: bytes.as_ptr().cast::<c_char>(),
            serialized_executable_size: bytes.len(),
            ..api::ExecutableDeserializeAndLoadArgs::new()
        };
        plugin.call("load a program", plugin.api.executable_deserialize_and_load, &mut args)?;
        Ok(Program { mesh: mesh.clone(), raw: args.loaded_executable })
    }

    /// What does not depend on the device: how many outputs there are, the bytes for the disk.
    fn unloaded<R>(&self, f: impl FnOnce(*mut api::Executable) -> Result<R>) -> Result<R> {
        let plugin = self.mesh.client.plugin();
        let mut args = api::LoadedExecutableGetExecutableArgs {
            loaded_executable: self.raw,
            ..api::LoadedExecutableGetExecutableArgs::new()
        };
        plugin.call("look at the program", plugin.api.loaded_executable_get_executable, &mut args)?;
        let result = f(args.executable);
        let mut destroy =
            api::ExecutableDestroyArgs { executable: args.executable, ..api::ExecutableDestroyArgs::new() };
        let destroyed = plugin.call("free a program", plugin.api.executable_destroy, &mut destroy);
        result.and_then(|r| destroyed.map(|()| r))
    }

    fn outputs(&self) -> Result<usize> {
        self.unloaded(|executable| {
            let plugin = self.mesh.client.plugin();
            let mut args =
                api::ExecutableNumOutputsArgs { executable, ..api::ExecutableNumOutputsArgs::new() };
            plugin.call("look at the program", plugin.api.executable_num_outputs, &mut args)?;
            Ok(args.num_outputs)
        })
    }

    fn serialize(&self) -> Result<Vec<u8>> {
        self.unloaded(|executable| {
            let plugin = self.mesh.client.plugin();
            let mut args = api::ExecutableSerializeArgs { executable, ..api::ExecutableSerializeArgs::new() };
            plugin.call("write the program", plugin.api.executable_serialize, &mut args)?;
            let (start, size) = (args.serialized_bytes.cast::<u8>(), args.serialized_bytes_size);
            // SAFETY: the bytes live until the deleter is called, once.
            unsafe {
                let bytes =
                    if start.is_null() { vec![] } else { std::slice::from_raw_parts(start, size).to_vec() };
                if let Some(delete) = args.serialized_executable_deleter {
                    delete(args.serialized_executable);
                }
                Ok(bytes)
            }
        })
    }

    /// Begins a run with a list of arguments for each device; the results, which may not be there yet, and the events of its
    /// end.
    fn execute(
        &self,
        arguments: &[Vec<*mut api::Buffer>],
        outputs: usize,
    ) -> Result<(Vec<Spread>, Vec<Event>)> {
        let client = &self.mesh.client;
        let (plugin, count) = (client.plugin(), arguments.len());
        let mut options = api::ExecuteOptions::new();
        let mut results: Vec<Vec<*mut api::Buffer>> = vec![vec![null_mut(); outputs]; count];
        let argument_lists: Vec<_> = arguments.iter().map(|list| list.as_ptr()).collect();
        let output_lists: Vec<_> = results.iter_mut().map(|list| list.as_mut_ptr()).collect();
        let mut events = vec![null_mut(); count];
        let mut args = api::LoadedExecutableExecuteArgs {
            executable: self.raw,
            options: &mut options,
            argument_lists: argument_lists.as_ptr(),
            num_devices: count,
            num_args: arguments.first().map_or(0, Vec::len),
            output_lists: output_lists.as_ptr(),
            device_complete_events: events.as_mut_ptr(),
            ..api::LoadedExecutableExecuteArgs::new()
        };
        plugin.call("run the program", plugin.api.loaded_executable_execute, &mut args)?;
        let done = events.into_iter().map(|raw| Event::from_raw(client, raw)).collect();
        let mut spread: Vec<Spread> = (0..outputs).map(|_| Spread(vec![])).collect();
        for list in results {
            for (raw, spread) in list.into_iter().zip(&mut spread) {
                spread.0.extend(Held::from_raw(client, raw));
            }
        }
        let given: usize = spread.iter().map(|s| s.0.len()).sum();
        if given != outputs * count {
            return Err(failure(format!("a program of {outputs} outputs on {count} devices gave {given}")));
        }
        Ok((spread, done))
    }
}

/// Flags of XLA for this platform.
fn flags(client: &Client) -> Vec<(&'static str, Flag)> {
    let mut flags = vec![];
    if let Some(dir) = find::cuda_data(&client.plugin().path) {
        flags.push(("xla_gpu_cuda_data_dir", Flag::Text(dir.display().to_string())));
    }
    if client.platform() == CPU {
        // Minima and maxima of NaN are NaN, as everywhere else.
        flags.push(("xla_cpu_enable_fast_min_max", Flag::Bool(false)));
    }
    flags
}

/// The platform whose devices all have one name, and programs are for the very processor.
const CPU: &str = "cpu";

/// Bytes that programs on disk may take if nothing else is said.
const CACHE_SIZE: u64 = 2 << 30;

/// Where the program is kept: by its text and options, and by all that says which plugin and device it is for.
fn entry(client: &Client, text: &str, options: &[u8]) -> Option<Entry> {
    let plugin = client.plugin();
    let folder = client.options().cache.as_ref().filter(|_| client.platform() != CPU)?;
    let file = std::fs::metadata(&plugin.path).ok();
    let changed = file.as_ref().and_then(|f| f.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok());
    let about = format!(
        "{} {:?} {:?} {:?} {} {} {:?} {:?}",
        plugin.path.display(),
        file.map(|f| f.len()),
        changed,
        plugin.version,
        client.platform(),
        client.version(),
        client.devices(),
        std::env::var_os("XLA_FLAGS"),
    );
    Some(Entry::new(folder, &[text.as_bytes(), options, about.as_bytes()]))
}
