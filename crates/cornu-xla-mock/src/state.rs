//! What the plugin knows of its callers.
use cornu_graph::{Graph, Tensor};
use cornu_xla::pjrt::api;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::sync::{Arc, Mutex};

/// A failure: code and message.
pub type Failure = (c_int, String);

/// Something given out.
#[derive(Debug)]
pub enum Object {
    Error(Failure),
    Event(Event),
    Client,
    Loaded(Arc<Program>),
    Unloaded(Arc<Program>),
    Buffer(Buffer),
    /// Kept for those who have its address.
    Serialized(#[allow(dead_code)] Vec<u8>),
}

/// What happens when it is waited for.
#[derive(Debug, Default)]
pub struct Event {
    pub failure: Option<Failure>,
    /// Bytes to be written when it is waited for, and where: a copy is not there before.
    pub copy: Option<(usize, Vec<u8>)>,
}

#[derive(Debug)]
pub struct Program {
    pub graph: Graph,
    /// How many arguments, the first, hand their memory over to outputs.
    pub donated: usize,
    /// The devices that run it, by number.
    pub devices: Vec<usize>,
    /// For each argument the axis along which the devices share it; missing: each has the whole.
    pub axes: Vec<Option<usize>>,
}

#[derive(Debug)]
pub struct Buffer {
    /// `None` once its memory went to another.
    pub tensor: Option<Tensor>,
    pub failure: Option<Failure>,
    /// Where it is, by number.
    pub device: usize,
}

impl Object {
    fn kind(&self) -> &'static str {
        match self {
            Object::Error(_) => "error",
            Object::Event(_) => "event",
            Object::Client => "client",
            Object::Loaded(_) => "program",
            Object::Unloaded(_) => "unloaded program",
            Object::Buffer(_) => "buffer",
            Object::Serialized(_) => "serialized program",
        }
    }
}

/// A failure to come.
#[derive(Debug)]
struct Planned {
    function: String,
    after: usize,
    failure: Failure,
}

#[derive(Debug)]
pub struct State {
    live: BTreeMap<usize, Object>,
    next: usize,
    planned: Vec<Planned>,
    calls: Vec<&'static str>,
    misuse: Vec<String>,
    pub options: Vec<String>,
    /// Bytes that came from the host since the last report.
    pub copied: usize,
    /// What devices say of their memory: all, and what is in use.
    pub memory: Option<(i64, i64)>,
    pub version: Option<(c_int, c_int)>,
    pub table: Option<usize>,
    pub devices: usize,
    pub absent: BTreeSet<String>,
}

pub static STATE: Mutex<State> = Mutex::new(State {
    live: BTreeMap::new(),
    next: 0x1000,
    planned: vec![],
    calls: vec![],
    misuse: vec![],
    options: vec![],
    copied: 0,
    memory: None,
    version: None,
    table: None,
    devices: 2,
    absent: BTreeSet::new(),
});

impl State {
    pub fn control(&mut self, line: &str) {
        let mut words = line.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("`{line}` is too short"));
        match word() {
            "fail" => {
                let (function, after) = (word().to_string(), word().parse().unwrap());
                let (code, message) = (word(), word().to_string());
                let code = api::CODES.iter().position(|c| *c == code).unwrap() as c_int;
                self.planned.push(Planned { function, after, failure: (code, message) });
            }
            "version" => self.version = Some((word().parse().unwrap(), word().parse().unwrap())),
            "table" => self.table = Some(word().parse().unwrap()),
            "memory" => self.memory = Some((word().parse().unwrap(), word().parse().unwrap())),
            "devices" => self.devices = word().parse().unwrap(),
            "lack" => drop(self.absent.insert(word().to_string())),
            other => panic!("`{other}` is no command"),
        }
    }

    /// Lines: `calls NAME NAME ...` and `copied BYTES` from the host since the last report, `live KIND N` for what was given out
    /// and not freed, `misuse ...`, `option NAME=VALUE`.
    pub fn report(&mut self) -> String {
        let mut live: BTreeMap<&str, usize> = BTreeMap::new();
        self.live.values().for_each(|object| *live.entry(object.kind()).or_default() += 1);
        let mut lines = vec![format!("calls {}", std::mem::take(&mut self.calls).join(" "))];
        lines.push(format!("copied {}", std::mem::take(&mut self.copied)));
        lines.extend(live.iter().map(|(kind, n)| format!("live {kind} {n}")));
        lines.extend(self.misuse.iter().map(|m| format!("misuse {m}")));
        lines.extend(self.options.iter().map(|o| format!("option {o}")));
        lines.join("\n")
    }

    pub fn called(&mut self, name: &'static str) {
        self.calls.push(name);
    }

    /// The failure that this call was to have.
    pub fn planned(&mut self, function: &str) -> Option<Failure> {
        let at = self.planned.iter_mut().position(|p| {
            p.after -= usize::from(p.function == function);
            p.function == function && p.after == 0
        })?;
        Some(self.planned.remove(at).failure)
    }

    pub fn misuse(&mut self, what: String) -> Failure {
        self.misuse.push(what.clone());
        (3, what)
    }

    pub fn give<T>(&mut self, object: Object) -> *mut T {
        self.next += 16;
        self.live.insert(self.next, object);
        self.next as *mut T
    }

    pub fn find<T>(&mut self, address: *const T) -> Option<&mut Object> {
        self.live.get_mut(&(address as usize))
    }

    /// Takes back what was given; null is nothing.
    pub fn free<T>(&mut self, address: *const T, kind: &str) {
        if address.is_null() {
            return;
        }
        match self.live.remove(&(address as usize)) {
            Some(Object::Event(Event { copy: Some(_), .. })) => {
                self.misuse.push("an event was dropped before its copy was waited for".into());
            }
            Some(object) if object.kind() == kind => {}
            found => {
                let found = found.map_or("nothing", |o| o.kind());
                self.misuse.push(format!("a {kind} was freed where there is {found}"));
            }
        }
    }
}
