//! The functions of the table.
use crate::state::{Buffer, Event, Failure, Object, Program, STATE, State};
use cornu_graph::{DType, Spec, Tensor, interpret};
use cornu_xla::pjrt::api::{self, Api, named};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::Arc;

type Done = Result<(), Failure>;

const INVALID_ARGUMENT: c_int = 3;
const INTERNAL: c_int = 13;
const UNIMPLEMENTED: c_int = 12;

/// The numbers of devices, as addresses.
static DEVICES: [usize; 8] = [0x100, 0x200, 0x300, 0x400, 0x500, 0x600, 0x700, 0x800];

/// What every function begins and ends with.
fn call(
    name: &'static str,
    size: usize,
    expected: usize,
    body: impl FnOnce(&mut State) -> Done,
) -> *mut api::Error {
    let mut state = STATE.lock().unwrap();
    state.called(name);
    let failure = if size != expected {
        let message = format!(
            "Unexpected PJRT_{name} size: expected {expected}, got {size}. The plugin is likely built with a later version"
        );
        Some(state.misuse(message))
    } else {
        state.planned(name).or_else(|| body(&mut state).err())
    };
    failure.map_or(null_mut(), |failure| state.give(Object::Error(failure)))
}

/// Functions that take their struct and may fail.
macro_rules! functions {
    ($($name:ident($state:ident, $args:ident: $Args:ident) $body:block)*) => { $(
        unsafe extern "C" fn $name(args: *mut api::$Args) -> *mut api::Error {
            // SAFETY: the caller's.
            let $args = unsafe { &mut *args };
            call(stringify!($name), $args.struct_size, api::$Args::SIZE, |$state| $body)
        }
    )* };
}

unsafe fn bytes<'a>(start: *const c_char, size: usize) -> &'a [u8] {
    // SAFETY: the caller's.
    if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(start.cast(), size) } }
}

functions! {
    plugin_initialize(_state, _args: PluginInitializeArgs) { Ok(()) }

    plugin_attributes(_state, args: PluginAttributesArgs) {
        let (name, text) = ("cornu_wants_graph", "yes");
        let mut attribute = api::NamedValue::new();
        (attribute.name, attribute.name_size) = (name.as_ptr().cast(), name.len());
        attribute.value = api::Value { string: text.as_ptr().cast() };
        attribute.value_size = text.len();
        args.attributes = Box::leak(Box::new(attribute));
        args.num_attributes = 1;
        Ok(())
    }

    client_create(state, args: ClientCreateArgs) {
        for i in 0..args.num_options {
            // SAFETY: the caller's.
            let option = unsafe { &*args.create_options.add(i) };
            // SAFETY: the caller's: the type says which value it is.
            let (name, value) = unsafe {
                let value = match option.kind {
                    named::FLOAT => option.value.float.to_string(),
                    named::BOOL => option.value.bool.to_string(),
                    named::INT64_LIST => {
                        format!("{:?}", std::slice::from_raw_parts(option.value.int64_array, option.value_size))
                    }
                    kind => format!("kind {kind}"),
                };
                (String::from_utf8_lossy(bytes(option.name, option.name_size)), value)
            };
            state.options.push(format!("{name}={value}"));
        }
        args.client = state.give(Object::Client);
        Ok(())
    }

    client_destroy(state, args: ClientDestroyArgs) {
        state.free(args.client, "client");
        Ok(())
    }

    client_platform_name(_state, args: ClientPlatformNameArgs) {
        (args.platform_name, args.platform_name_size) = ("mock".as_ptr().cast(), 4);
        Ok(())
    }

    client_platform_version(_state, args: ClientPlatformVersionArgs) {
        (args.platform_version, args.platform_version_size) = ("mock 1.0".as_ptr().cast(), 8);
        Ok(())
    }

    client_addressable_devices(state, args: ClientAddressableDevicesArgs) {
        args.addressable_devices = DEVICES.as_ptr().cast();
        args.num_addressable_devices = state.devices;
        Ok(())
    }

    device_get_description(_state, args: DeviceGetDescriptionArgs) {
        args.device_description = args.device.cast();
        Ok(())
    }

    device_description_id(_state, args: DeviceDescriptionIdArgs) {
        args.id = DEVICES.iter().position(|&d| d == args.device_description as usize).unwrap() as c_int;
        Ok(())
    }

    device_description_kind(_state, args: DeviceDescriptionKindArgs) {
        (args.device_kind, args.device_kind_size) = ("imagined".as_ptr().cast(), 8);
        Ok(())
    }

    client_compile(state, args: ClientCompileArgs) {
        // SAFETY: the caller's.
        let (program, options) = unsafe { (&*args.program, bytes(args.compile_options, args.compile_options_size)) };
        // SAFETY: the caller's.
        let (code, format) =
            unsafe { (bytes(program.code, program.code_size), bytes(program.format, program.format_size)) };
        if format != b"mlir" || program.struct_size != api::Program::SIZE || options.first() != Some(&0x1a) {
            return Err(state.misuse("a program of another format, or without options".into()));
        }
        let code = str::from_utf8(code).map_err(|e| (INVALID_ARGUMENT, e.to_string()))?;
        let program = Program::parse(code, options, state.devices).map_err(|e| (INVALID_ARGUMENT, e))?;
        args.executable = state.give(Object::Loaded(Arc::new(program)));
        Ok(())
    }

    loaded_executable_destroy(state, args: LoadedExecutableDestroyArgs) {
        state.free(args.executable, "program");
        Ok(())
    }

    loaded_executable_get_executable(state, args: LoadedExecutableGetExecutableArgs) {
        let program = loaded(state, args.loaded_executable)?;
        args.executable = state.give(Object::Unloaded(program));
        Ok(())
    }

    executable_destroy(state, args: ExecutableDestroyArgs) {
        state.free(args.executable, "unloaded program");
        Ok(())
    }

    executable_num_outputs(state, args: ExecutableNumOutputsArgs) {
        args.num_outputs = unloaded(state, args.executable)?.graph.outputs.len();
        Ok(())
    }

    executable_serialize(state, args: ExecutableSerializeArgs) {
        let program = unloaded(state, args.executable)?;
        let text = program.to_text().into_bytes();
        (args.serialized_bytes, args.serialized_bytes_size) = (text.as_ptr().cast(), text.len());
        args.serialized_executable = state.give(Object::Serialized(text));
        args.serialized_executable_deleter = Some(delete_serialized);
        Ok(())
    }

    executable_deserialize_and_load(state, args: ExecutableDeserializeAndLoadArgs) {
        // SAFETY: the caller's.
        let text = unsafe { bytes(args.serialized_executable, args.serialized_executable_size) };
        let program = str::from_utf8(text).ok().and_then(Program::from_text);
        let program = program.ok_or((INVALID_ARGUMENT, "not a program of this plugin".to_string()))?;
        args.loaded_executable = state.give(Object::Loaded(Arc::new(program)));
        Ok(())
    }

    client_buffer_from_host_buffer(state, args: ClientBufferFromHostBufferArgs) {
        // SAFETY: the caller's.
        let dims = if args.num_dims == 0 { &[] } else { unsafe { std::slice::from_raw_parts(args.dims, args.num_dims) } };
        let dtype = DType::ALL.into_iter().find(|&d| api::buffer_type(d) == args.kind);
        let Some(dtype) = dtype else { return Err((UNIMPLEMENTED, format!("buffers of type {}", args.kind))) };
        let device = DEVICES[..state.devices].iter().position(|&d| d == args.device as usize);
        let (Some(device), api::ONLY_DURING_CALL) = (device, args.host_buffer_semantics) else {
            return Err(state.misuse("a copy to no device, or of memory that is not copied at once".into()));
        };
        let spec = Spec::new(dtype, dims.iter().map(|&d| d as usize).collect::<Vec<_>>());
        let mut tensor = Tensor::zeros(spec.shape.clone(), dtype);
        // SAFETY: the caller's.
        tensor.copy_from_bytes(unsafe { bytes(args.data.cast(), spec.bytes()) }).unwrap();
        state.copied += spec.bytes();
        args.buffer = state.give(Object::Buffer(Buffer { tensor: Some(tensor), failure: None, device }));
        args.done_with_host_buffer = state.give(Object::Event(Event::default()));
        Ok(())
    }

    buffer_destroy(state, args: BufferDestroyArgs) {
        state.free(args.buffer, "buffer");
        Ok(())
    }

    buffer_is_deleted(state, args: BufferIsDeletedArgs) {
        args.is_deleted = matches!(state.find(args.buffer), Some(Object::Buffer(Buffer { tensor: None, .. })));
        Ok(())
    }

    buffer_to_host_buffer(state, args: BufferToHostBufferArgs) {
        let found = match state.find(args.src) {
            Some(Object::Buffer(Buffer { failure: Some(failure), .. })) => Err(failure.clone()),
            Some(Object::Buffer(Buffer { tensor: Some(tensor), .. })) => Ok(tensor.clone()),
            Some(Object::Buffer(_)) => return Err((INVALID_ARGUMENT, "Buffer has been deleted or donated.".into())),
            _ => return Err(state.misuse("a copy of what is no buffer".into())),
        };
        let event = match found {
            Err(failure) => Event { failure: Some(failure), copy: None },
            Ok(tensor) => {
                // SAFETY: the caller's.
                let ordered = unsafe { row_major(args.host_layout, tensor.rank()) };
                if args.dst_size != tensor.bytes().len() || !ordered {
                    return Err(state.misuse(format!("a copy of {tensor:?} to {} bytes", args.dst_size)));
                }
                Event { failure: None, copy: Some((args.dst as usize, tensor.bytes().to_vec())) }
            }
        };
        args.event = state.give(Object::Event(event));
        Ok(())
    }

    event_destroy(state, args: EventDestroyArgs) {
        state.free(args.event, "event");
        Ok(())
    }

    event_await(state, args: EventAwaitArgs) {
        let Some(Object::Event(event)) = state.find(args.event) else {
            return Err(state.misuse("waiting for what is no event".into()));
        };
        if let Some((to, bytes)) = event.copy.take() {
            // SAFETY: the caller keeps the memory until the event was waited for.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        }
        event.failure.clone().map_or(Ok(()), Err)
    }

    loaded_executable_execute(state, args: LoadedExecutableExecuteArgs) {
        let program = loaded(state, args.executable)?;
        // SAFETY: the caller's.
        let (options, given) = unsafe {
            let lists = std::slice::from_raw_parts(args.argument_lists, args.num_devices);
            let list = |&list| if args.num_args == 0 { &[] } else { std::slice::from_raw_parts(list, args.num_args) };
            (&*args.options, lists.iter().map(list).collect::<Vec<_>>())
        };
        if args.num_devices != program.devices.len() || options.struct_size != api::ExecuteOptions::SIZE {
            return Err(state.misuse("a run on another number of devices, or without options".into()));
        }
        // What is made of a value that failed has failed.
        let (mut tensors, mut broken) = (vec![], None);
        for i in 0..args.num_args {
            let mut parts = vec![];
            for (list, &device) in given.iter().zip(&program.devices) {
                match state.find(list[i]) {
                    Some(Object::Buffer(buffer)) if buffer.device != device => {
                        return Err(state.misuse(format!("argument {i} is on another device")));
                    }
                    Some(Object::Buffer(Buffer { tensor: Some(tensor), failure, .. })) => {
                        parts.push(tensor.clone());
                        broken = broken.or(failure.clone());
                    }
                    Some(Object::Buffer(_)) => return Err(state.misuse(format!("argument {i} was donated before"))),
                    _ => return Err(state.misuse(format!("argument {i} is no buffer"))),
                }
            }
            tensors.push(program.whole(i, &parts).map_err(|e| state.misuse(e))?);
        }
        let donate = |state: &mut State, list: &[*mut api::Buffer]| {
            for &buffer in &list[..program.donated] {
                if let Some(Object::Buffer(buffer)) = state.find(buffer) {
                    buffer.tensor = None;
                }
            }
        };
        if let Some(failure) = state.planned("execute_donated") {
            given.iter().for_each(|list| donate(state, list));
            return Err(failure);
        }
        // One device begins and the next fails.
        if let Some(failure) = state.planned("execute_partly") {
            donate(state, given[0]);
            return Err(failure);
        }
        let late = state.planned("execute_late").or(broken);
        let late_on_last = state.planned("execute_late_on_last");
        let results = interpret(&program.graph, &tensors).map_err(|e| (INTERNAL, e.to_string()))?;
        given.iter().for_each(|list| donate(state, list));
        for (place, &device) in program.devices.iter().enumerate() {
            let of_last = late_on_last.clone().filter(|_| place + 1 == program.devices.len());
            let failure = late.clone().or(of_last);
            for (i, result) in results.iter().enumerate() {
                let buffer = Buffer { tensor: Some(result.clone()), failure: failure.clone(), device };
                let buffer = state.give(Object::Buffer(buffer));
                // SAFETY: the caller has room for all outputs of each device.
                unsafe { *(*args.output_lists.add(place)).add(i) = buffer };
            }
            let event = state.give(Object::Event(Event { failure, copy: None }));
            // SAFETY: the caller has room for an event of each device.
            unsafe { *args.device_complete_events.add(place) = event };
        }
        Ok(())
    }

    device_memory_stats(state, args: DeviceMemoryStatsArgs) {
        let Some((all, used)) = state.memory else {
            return Err((UNIMPLEMENTED, "memory is not counted".into()));
        };
        (args.bytes_in_use, args.bytes_limit, args.bytes_limit_is_set) = (used, all, true);
        Ok(())
    }
}

/// Whether the layout is plain rows.
unsafe fn row_major(layout: *const api::Layout, rank: usize) -> bool {
    // SAFETY: the caller's.
    unsafe {
        if layout.is_null() || (*layout).struct_size != api::Layout::SIZE || (*layout).kind != 0 {
            return false;
        }
        let tiled = &(*layout).tiled;
        let order: Vec<i64> = (0..rank as i64).rev().collect();
        let given = if tiled.minor_to_major_size == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(tiled.minor_to_major, tiled.minor_to_major_size)
        };
        tiled.struct_size == api::Tiled::SIZE && given == order && tiled.num_tiles == 0
    }
}

fn loaded(state: &mut State, address: *mut api::LoadedExecutable) -> Result<Arc<Program>, Failure> {
    match state.find(address) {
        Some(Object::Loaded(program)) => Ok(program.clone()),
        _ => Err(state.misuse("a run of what is no program".into())),
    }
}

fn unloaded(state: &mut State, address: *const api::Executable) -> Result<Arc<Program>, Failure> {
    match state.find(address) {
        Some(Object::Unloaded(program)) => Ok(program.clone()),
        _ => Err(state.misuse("a look at what is no program".into())),
    }
}

unsafe extern "C" fn delete_serialized(serialized: *mut api::Serialized) {
    STATE.lock().unwrap().free(serialized, "serialized program");
}

unsafe extern "C" fn error_destroy(args: *mut api::ErrorDestroyArgs) {
    // SAFETY: the caller's.
    STATE.lock().unwrap().free(unsafe { (*args).error }, "error");
}

unsafe extern "C" fn error_message(args: *mut api::ErrorMessageArgs) {
    // SAFETY: the caller's.
    let args = unsafe { &mut *args };
    if let Some(Object::Error((_, message))) = STATE.lock().unwrap().find(args.error) {
        (args.message, args.message_size) = (message.as_ptr().cast(), message.len());
    }
}

unsafe extern "C" fn error_get_code(args: *mut api::ErrorGetCodeArgs) -> *mut api::Error {
    // SAFETY: the caller's.
    let args = unsafe { &mut *args };
    if let Some(Object::Error((code, _))) = STATE.lock().unwrap().find(args.error) {
        args.code = *code;
    }
    null_mut()
}

/// The whole table.
pub fn table() -> Api {
    let mut table = Api::new();
    (table.version.major_version, table.version.minor_version) = (api::MAJOR, api::MINOR);
    table.error_destroy = Some(error_destroy);
    table.error_message = Some(error_message);
    table.error_get_code = Some(error_get_code);
    macro_rules! fill {
        ($($name:ident)*) => { $(table.$name = Some($name);)* };
    }
    fill! {
        plugin_initialize plugin_attributes client_create client_destroy client_platform_name client_platform_version
        client_addressable_devices device_get_description device_description_id device_description_kind client_compile
        loaded_executable_destroy loaded_executable_get_executable executable_destroy executable_num_outputs
        executable_serialize executable_deserialize_and_load client_buffer_from_host_buffer buffer_destroy
        buffer_is_deleted buffer_to_host_buffer event_destroy event_await loaded_executable_execute
        device_memory_stats
    }
    table
}
