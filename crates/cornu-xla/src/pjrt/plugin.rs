//! An open plugin: its table of functions, and its errors as ours.
use super::api::{self, Api, Function};
use super::{failure, find};
use cornu_graph::{Error, Result};
use std::collections::HashMap;
use std::ffi::{c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A plugin, open for good: it has threads that outlive everything.
#[derive(Debug)]
pub(in crate::pjrt) struct Plugin {
    pub api: &'static Api,
    pub path: PathBuf,
    pub version: (c_int, c_int),
    /// It asks for the graph itself as comments after the module, as the plugin of our tests does.
    pub wants_graph: bool,
}

// SAFETY: the functions of a plugin may be called on any thread.
unsafe impl Send for Plugin {}
// SAFETY: the same.
unsafe impl Sync for Plugin {}

/// The attribute of plugins that want the graph as comments.
const WANTS_GRAPH: &str = "cornu_wants_graph";

/// The plugin of this file, opened and initialized once in a process.
///
/// # Errors
/// When it is no plugin, its interface is too old or another one, or it refuses.
pub(super) fn open(path: &Path) -> Result<&'static Plugin> {
    static OPEN: Mutex<Option<HashMap<PathBuf, &'static Plugin>>> = Mutex::new(None);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let open = open.get_or_insert_default();
    // A bare name is left to the system's search.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if let Some(plugin) = open.get(&path) {
        return Ok(plugin);
    }
    let plugin: &'static Plugin = Box::leak(Box::new(load(&path)?));
    open.insert(path, plugin);
    Ok(plugin)
}

fn load(path: &Path) -> Result<Plugin> {
    for file in find::libraries(path) {
        // SAFETY: the initialization of NVIDIA's own libraries. One that cannot be loaded is missed by the plugin, if at all.
        if let Ok(library) = unsafe { libloading::Library::new(file) } {
            std::mem::forget(library);
        }
    }
    // SAFETY: the initialization of a library that the user chose.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| {
        failure(format!("{} cannot be opened: {}", path.display(), cause(&e)))
            .help(format!("`CORNU_PJRT_PLUGIN` is the path of a PJRT plugin; {}", find::INSTALL))
    })?;
    // SAFETY: the function of this name has this type in every plugin.
    let get = unsafe { library.get::<unsafe extern "C" fn() -> *const Api>(b"GetPjrtApi\0") };
    let get = *get.map_err(|_| {
        failure(format!("{} is no PJRT plugin: it has no function `GetPjrtApi`", path.display()))
            .help(format!("`CORNU_PJRT_PLUGIN` is the path of a PJRT plugin; {}", find::INSTALL))
    })?;
    // SAFETY: as above.
    let api = unsafe { get() };
    let checked = check(path, api);
    // Its code may be running from now on.
    std::mem::forget(library);
    let (api, version) = checked?;
    let mut plugin = Plugin { api, path: path.to_path_buf(), version, wants_graph: false };
    plugin.call("initialize the plugin", api.plugin_initialize, &mut api::PluginInitializeArgs::new())?;
    plugin.wants_graph = plugin.attributes()?.iter().any(|name| name == WANTS_GRAPH);
    Ok(plugin)
}

/// The system's words, without libloading's around them.
fn cause(e: &dyn std::error::Error) -> String {
    e.source().map_or_else(|| e.to_string(), ToString::to_string)
}

/// The table, once it is known to be one of ours.
fn check(path: &Path, api: *const Api) -> Result<(&'static Api, (c_int, c_int))> {
    let ours = format!("0.{}", api::MINOR);
    if api.is_null() {
        return Err(failure(format!("{} gives no PJRT API", path.display())));
    }
    let needed = size_of::<Api>();
    let smallest = std::mem::offset_of!(Api, error_destroy);
    // SAFETY: every table begins with its size; the version follows, if it is that large.
    let size = unsafe { *api.cast::<usize>() };
    let version = (size >= smallest).then(|| {
        // SAFETY: as above.
        unsafe { ((*api).version.major_version, (*api).version.minor_version) }
    });
    let described =
        version.map_or("of an unknown version".to_string(), |(major, minor)| format!("{major}.{minor}"));
    let place = path.display();
    match version {
        Some((api::MAJOR, minor)) if size >= needed => {
            // SAFETY: it is as large as our struct, and lives as long as the plugin, which is not closed.
            Ok((unsafe { &*api }, (api::MAJOR, minor)))
        }
        Some((major, _)) if major != api::MAJOR => {
            Err(failure(format!("the PJRT API of {place} is {described}, and that of cornu {ours}"))
                .help("take a plugin of the same major version, or another version of cornu"))
        }
        _ => {
            let message = format!(
                "the PJRT API of {place} is {described}, which is too old: its table has {size} bytes of the {needed} \
                 that cornu needs ({ours})"
            );
            Err(failure(message).help("take a newer plugin"))
        }
    }
}

impl Plugin {
    /// Calls a function of the table; `what` is what it is for, after "cannot".
    pub fn call<A>(&self, what: &str, function: Option<Function<A>>, args: &mut A) -> Result<()> {
        let function = function.ok_or_else(|| {
            let (major, minor) = self.version;
            failure(format!("cannot {what}: the plugin has no function for it (PJRT API {major}.{minor})"))
        })?;
        // SAFETY: the types are those of the interface, and `args` live during the call.
        let error = unsafe { function(args) };
        if error.is_null() { Ok(()) } else { Err(self.error(what, error)) }
    }

    /// Takes over an error of the plugin.
    fn error(&self, what: &str, error: *mut api::Error) -> Error {
        let mut code = api::ErrorGetCodeArgs { error, ..api::ErrorGetCodeArgs::new() };
        let mut message = api::ErrorMessageArgs { error, ..api::ErrorMessageArgs::new() };
        // SAFETY: the error lives until it is destroyed here; the message lives as long.
        let text = unsafe {
            if let Some(get) = self.api.error_get_code {
                // An error about an error is one too many.
                let nested = get(&mut code);
                self.destroy_error(nested);
            }
            if let Some(get) = self.api.error_message {
                get(&mut message);
            }
            let text = string(message.message, message.message_size);
            self.destroy_error(error);
            text
        };
        self.as_error(what, code.code, &text)
    }

    unsafe fn destroy_error(&self, error: *mut api::Error) {
        if let (Some(destroy), false) = (self.api.error_destroy, error.is_null()) {
            // SAFETY: the caller's.
            unsafe { destroy(&mut api::ErrorDestroyArgs { error, ..api::ErrorDestroyArgs::new() }) };
        }
    }

    fn as_error(&self, what: &str, code: c_int, text: &str) -> Error {
        let name = usize::try_from(code).ok().and_then(|code| api::CODES.get(code).copied());
        let code = name.map_or_else(|| format!("error {code}"), str::to_string);
        let (major, minor) = self.version;
        if code == "RESOURCE_EXHAUSTED" {
            return failure(format!("the device is out of memory: cannot {what}: {text} ({code})")).help(
                "take smaller batches or `mixed_bfloat16`; see whether other processes use the device; \
                 `CORNU_PJRT_MEMORY_FRACTION` says which part of its memory may be used",
            );
        }
        let error = failure(format!("cannot {what}: {text} ({code})"));
        if text.contains("No visible GPU devices") || text.contains("no supported devices") {
            return error.help("see that `nvidia-smi` shows a GPU, and what `CUDA_VISIBLE_DEVICES` says");
        }
        if text.starts_with("Unexpected PJRT_") {
            let help = format!(
                "the plugin's PJRT API is {major}.{minor} and cornu's 0.{}: take a plugin of about that version",
                api::MINOR
            );
            return error.help(help);
        }
        match &*code {
            "UNIMPLEMENTED" => error.help("`CORNU_BACKEND=cpu` runs everything"),
            _ => error,
        }
    }

    /// The names of the plugin's attributes.
    fn attributes(&self) -> Result<Vec<String>> {
        let mut args = api::PluginAttributesArgs::new();
        self.call("ask the plugin for its attributes", self.api.plugin_attributes, &mut args)?;
        if args.attributes.is_null() {
            return Ok(vec![]);
        }
        // SAFETY: attributes live as long as the plugin. A newer interface may have larger structs: each says its size.
        unsafe {
            let size = (*args.attributes).struct_size.next_multiple_of(align_of::<api::NamedValue>());
            let at = |i| args.attributes.byte_add(i * size);
            Ok((0..args.num_attributes).map(|i| string((*at(i)).name, (*at(i)).name_size)).collect())
        }
    }
}

/// Text of the plugin.
///
/// # Safety
/// `start` must be null or point to `size` bytes.
pub(super) unsafe fn string(start: *const c_char, size: usize) -> String {
    if start.is_null() || size == 0 {
        return String::new();
    }
    // SAFETY: the caller's.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) };
    String::from_utf8_lossy(bytes).trim_end().to_string()
}
