//! Compiled programs.
use super::api;
use super::buffer::{Event, Held, PjrtBuffer, read_all};
use super::cache::Entry;
use super::client::Client;
use super::proto::{self, Flag};
use super::{failure, find};
use crate::signature::Signature;
use crate::stablehlo::{Options, module};
use cornu_graph::{Buffer, Error, Executable, Graph, Pending, Result, Tensor};
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::Arc;

/// A compiled graph of this engine.
#[derive(Debug)]
pub(super) struct PjrtExecutable {
    program: Program,
    signature: Arc<Signature>,
}

impl PjrtExecutable {
    /// Takes the program from the disk, or compiles it and puts it there.
    pub fn new(client: &Arc<Client>, graph: &Graph) -> Result<PjrtExecutable> {
        let mut text = module(graph, &Options { alias_state: true, ..Options::default() })?;
        if client.plugin().wants_graph {
            graph.to_string().lines().for_each(|line| text.extend(["// cornu: ", line, "\n"]));
        }
        let signature = Signature::of(graph);
        let program = Program::load_or_compile(client, &text)?;
        let given = program.outputs()?;
        if given != signature.outputs.len() {
            let message = format!("a program of {} outputs became one of {given}", signature.outputs.len());
            return Err(failure(message));
        }
        Ok(PjrtExecutable { program, signature: Arc::new(signature) })
    }

    fn begin(&mut self, state: &mut [&mut dyn Buffer], inputs: &[Tensor]) -> Result<Running> {
        let client = &self.program.client;
        self.signature.check(state.len(), inputs)?;
        let mut arguments = vec![];
        for (i, (buffer, spec)) in state.iter_mut().zip(&self.signature.inputs).enumerate() {
            let buffer = own(*buffer, client)?;
            if buffer.spec() != spec {
                return Err(Error::Data(format!("variable {i} is {spec}, got {}", buffer.spec())));
            }
            arguments.push(buffer.held().as_ptr());
        }
        // Freed when the run no longer needs them: the plugin counts its own uses.
        let given: Vec<Held> = inputs.iter().map(|t| Held::copied(client, t)).collect::<Result<_>>()?;
        arguments.extend(given.iter().map(Held::as_ptr));
        let started = self.program.execute(&arguments, self.signature.outputs.len());
        let (mut results, done) = match started {
            Ok((results, done)) => (results.into_iter(), done),
            Err(e) => {
                let mut lost = false;
                for buffer in state.iter_mut() {
                    lost |= own(*buffer, client)?.held().is_deleted();
                }
                return Err(if lost { without_variables(e) } else { e });
            }
        };
        for (buffer, result) in state.iter_mut().zip(results.by_ref()) {
            own(*buffer, client)?.replace(result);
        }
        Ok(Running { results: results.collect(), done, signature: self.signature.clone() })
    }
}

/// The buffer as one of this client.
fn own<'a>(buffer: &'a mut dyn Buffer, client: &Arc<Client>) -> Result<&'a mut PjrtBuffer> {
    let buffer = buffer.as_any_mut().downcast_mut::<PjrtBuffer>().filter(|b| Arc::ptr_eq(b.client(), client));
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
    results: Vec<Held>,
    done: Event,
    signature: Arc<Signature>,
}

impl Pending for Running {
    fn finish(self: Box<Self>, outputs: &mut [Tensor]) -> Result<()> {
        self.signature.check_outputs(outputs.len())?;
        let specs = &self.signature.outputs[self.signature.state..];
        let reads =
            self.results.iter().zip(specs).zip(outputs).map(|((held, spec), into)| (held, spec, into));
        let read = read_all(reads);
        let done = self.done.wait("run the program");
        match (done, self.signature.state) {
            (Err(e), state) if state > 0 => Err(without_variables(e)),
            (done, _) => done.and(read),
        }
    }
}

/// A program of the plugin, destroyed with this.
#[derive(Debug)]
struct Program {
    client: Arc<Client>,
    raw: *mut api::LoadedExecutable,
}

// SAFETY: programs of PJRT may be run and destroyed on any thread.
unsafe impl Send for Program {}

impl Drop for Program {
    fn drop(&mut self) {
        let plugin = self.client.plugin();
        let mut args = api::LoadedExecutableDestroyArgs {
            executable: self.raw,
            ..api::LoadedExecutableDestroyArgs::new()
        };
        // There is nobody to tell.
        let _ = plugin.call("free a program", plugin.api.loaded_executable_destroy, &mut args);
    }
}

impl Program {
    fn load_or_compile(client: &Arc<Client>, text: &str) -> Result<Program> {
        let options = proto::compile_options(&flags(client));
        let entry = entry(client, text, &options);
        if let Some(bytes) = entry.as_ref().and_then(Entry::read)
            && let Ok(program) = Program::deserialize(client, &bytes)
        {
            return Ok(program);
        }
        let program = Program::compile(client, text, &options)?;
        if let Some(entry) = entry
            && let Ok(bytes) = program.serialize()
        {
            // Without a file the program is compiled again, that is all.
            let _ = entry.write(&bytes);
        }
        Ok(program)
    }

    fn compile(client: &Arc<Client>, text: &str, options: &[u8]) -> Result<Program> {
        let (plugin, format) = (client.plugin(), "mlir");
        let program = api::Program {
            code: text.as_ptr().cast(),
            code_size: text.len(),
            format: format.as_ptr().cast(),
            format_size: format.len(),
            ..api::Program::new()
        };
        let mut args = api::ClientCompileArgs {
            client: client.as_ptr(),
            program: &program,
            compile_options: options.as_ptr().cast(),
            compile_options_size: options.len(),
            ..api::ClientCompileArgs::new()
        };
        plugin.call("compile the program", plugin.api.client_compile, &mut args)?;
        Ok(Program { client: client.clone(), raw: args.executable })
    }

    fn deserialize(client: &Arc<Client>, bytes: &[u8]) -> Result<Program> {
        let plugin = client.plugin();
        let mut args = api::ExecutableDeserializeAndLoadArgs {
            client: client.as_ptr(),
            serialized_executable: bytes.as_ptr().cast::<c_char>(),
            serialized_executable_size: bytes.len(),
            ..api::ExecutableDeserializeAndLoadArgs::new()
        };
        plugin.call("load a program", plugin.api.executable_deserialize_and_load, &mut args)?;
        Ok(Program { client: client.clone(), raw: args.loaded_executable })
    }

    /// What does not depend on the device: how many outputs there are, the bytes for the disk.
    fn unloaded<R>(&self, f: impl FnOnce(*mut api::Executable) -> Result<R>) -> Result<R> {
        let plugin = self.client.plugin();
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
            let plugin = self.client.plugin();
            let mut args =
                api::ExecutableNumOutputsArgs { executable, ..api::ExecutableNumOutputsArgs::new() };
            plugin.call("look at the program", plugin.api.executable_num_outputs, &mut args)?;
            Ok(args.num_outputs)
        })
    }

    fn serialize(&self) -> Result<Vec<u8>> {
        self.unloaded(|executable| {
            let plugin = self.client.plugin();
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

    /// Begins a run; the results, which may not be there yet, and the event of its end.
    fn execute(&self, arguments: &[*mut api::Buffer], outputs: usize) -> Result<(Vec<Held>, Event)> {
        let plugin = self.client.plugin();
        let mut options = api::ExecuteOptions::new();
        let mut results: Vec<*mut api::Buffer> = vec![null_mut(); outputs];
        let (argument_lists, output_lists) = ([arguments.as_ptr()], [results.as_mut_ptr()]);
        let mut events = [null_mut()];
        let mut args = api::LoadedExecutableExecuteArgs {
            executable: self.raw,
            options: &mut options,
            argument_lists: argument_lists.as_ptr(),
            num_devices: 1,
            num_args: arguments.len(),
            output_lists: output_lists.as_ptr(),
            device_complete_events: events.as_mut_ptr(),
            ..api::LoadedExecutableExecuteArgs::new()
        };
        plugin.call("run the program", plugin.api.loaded_executable_execute, &mut args)?;
        let done = Event::from_raw(&self.client, events[0]);
        let results: Vec<Held> =
            results.into_iter().filter_map(|raw| Held::from_raw(&self.client, raw)).collect();
        if results.len() != outputs {
            return Err(failure(format!("a program of {outputs} outputs gave {}", results.len())));
        }
        Ok((results, done))
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
