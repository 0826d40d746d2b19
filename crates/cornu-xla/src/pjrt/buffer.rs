//! Memory of a device.
use super::api;
use super::client::Client;
use super::mesh::{Mesh, Spread};
use cornu_graph::{Buffer, DType, Error, Result, Spec, Tensor};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

/// An event of the plugin: something that will have been done.
#[derive(Debug)]
pub(super) struct Event {
    client: Arc<Client>,
    raw: *mut api::Event,
}

// SAFETY: events of PJRT may be awaited and destroyed on any thread.
unsafe impl Send for Event {}

impl Drop for Event {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let mut args = api::EventDestroyArgs { event: self.raw, ..api::EventDestroyArgs::new() };
            // There is nobody to tell.
            let _ =
                self.client.plugin().call("drop an event", self.client.plugin().api.event_destroy, &mut args);
        }
    }
}

impl Event {
    /// Takes over an event; null is one that has happened.
    pub fn from_raw(client: &Arc<Client>, raw: *mut api::Event) -> Event {
        Event { client: client.clone(), raw }
    }

    /// Waits for it.
    ///
    /// # Errors
    /// When what it stands for failed.
    pub fn wait(&self, what: &str) -> Result<()> {
        if self.raw.is_null() {
            return Ok(());
        }
        let mut args = api::EventAwaitArgs { event: self.raw, ..api::EventAwaitArgs::new() };
        self.client.plugin().call(what, self.client.plugin().api.event_await, &mut args)
    }
}

/// A buffer of the plugin, destroyed with this.
#[derive(Debug)]
pub(super) struct Held {
    client: Arc<Client>,
    raw: NonNull<api::Buffer>,
}

// SAFETY: buffers of PJRT may be used and destroyed on any thread.
unsafe impl Send for Held {}
// SAFETY: shared, they are only read.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let plugin = self.client.plugin();
        let mut args = api::BufferDestroyArgs { buffer: self.raw.as_ptr(), ..api::BufferDestroyArgs::new() };
        // There is nobody to tell.
        let _ = plugin.call("free a buffer", plugin.api.buffer_destroy, &mut args);
    }
}

impl Held {
    /// Takes over a buffer; `None` for a null pointer.
    pub fn from_raw(client: &Arc<Client>, raw: *mut api::Buffer) -> Option<Held> {
        NonNull::new(raw).map(|raw| Held { client: client.clone(), raw })
    }

    /// A copy of elements, on its way to the device; they may be changed at once.
    pub fn copied(
        client: &Arc<Client>,
        device: *mut api::Device,
        dtype: DType,
        shape: &[usize],
        bytes: &[u8],
    ) -> Result<Held> {
        let plugin = client.plugin();
        let dims: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let what = "copy to the device";
        let mut args = api::ClientBufferFromHostBufferArgs {
            client: client.as_ptr(),
            data: bytes.as_ptr().cast(),
            kind: api::buffer_type(dtype),
            dims: dims.as_ptr(),
            num_dims: dims.len(),
            host_buffer_semantics: api::ONLY_DURING_CALL,
            device,
            ..api::ClientBufferFromHostBufferArgs::new()
        };
        let bytes = bytes.len();
        let call = plugin.call(
            &format!("{what} ({bytes} bytes)"),
            plugin.api.client_buffer_from_host_buffer,
            &mut args,
        );
        call?;
        drop(Event::from_raw(client, args.done_with_host_buffer));
        Held::from_raw(client, args.buffer)
            .ok_or_else(|| super::failure(format!("cannot {what}: no buffer was made")))
    }

    pub fn as_ptr(&self) -> *mut api::Buffer {
        self.raw.as_ptr()
    }

    /// Whether its memory was handed over to another.
    pub fn is_deleted(&self) -> bool {
        let plugin = self.client.plugin();
        let mut args = api::BufferIsDeletedArgs { buffer: self.as_ptr(), ..api::BufferIsDeletedArgs::new() };
        // A plugin that does not say has not deleted it.
        plugin.call("ask for a buffer", plugin.api.buffer_is_deleted, &mut args).is_ok() && args.is_deleted
    }

    /// Begins to copy it into `into`, which gets the spec if it has another; wait for the event before it is read.
    ///
    /// # Safety
    /// The buffer must be of `spec`. `into` must live, unmoved in memory and untouched, until the event was waited for.
    unsafe fn begin_read(&self, spec: &Spec, into: &mut Tensor) -> Result<Event> {
        if into.dtype() != spec.dtype || into.shape() != spec.shape {
            *into = Tensor::zeros(spec.shape.clone(), spec.dtype);
        }
        let plugin = self.client.plugin();
        // Rows last to first: the device may keep it in another order.
        let minor_to_major: Vec<i64> = (0..spec.rank() as i64).rev().collect();
        let tiled = api::Tiled {
            minor_to_major: minor_to_major.as_ptr(),
            minor_to_major_size: minor_to_major.len(),
            ..api::Tiled::new()
        };
        let mut layout = api::Layout { tiled, ..api::Layout::new() };
        // SAFETY: the plugin writes elements of the dtype.
        let bytes = unsafe { into.bytes_mut() };
        let mut args = api::BufferToHostBufferArgs {
            src: self.as_ptr(),
            host_layout: &mut layout,
            dst: bytes.as_mut_ptr().cast(),
            dst_size: bytes.len(),
            ..api::BufferToHostBufferArgs::new()
        };
        plugin.call("copy from the device", plugin.api.buffer_to_host_buffer, &mut args)?;
        Ok(Event::from_raw(&self.client, args.event))
    }
}

/// Copies buffers to the host, all at a time. Each must be of its spec.
pub(super) fn read_all<'a>(
    reads: impl Iterator<Item = ((&'a Held, &'a Spec), &'a mut Tensor)>,
) -> Result<()> {
    let mut events: Vec<Event> = vec![];
    let mut first = Ok(());
    for ((held, spec), into) in reads {
        if spec.is_empty() {
            *into = Tensor::zeros(spec.shape.clone(), spec.dtype);
            continue;
        }
        // SAFETY: the specs are the caller's word; each tensor is borrowed until all events were waited for, below.
        match unsafe { held.begin_read(spec, into) } {
            Ok(event) => events.push(event),
            Err(e) => {
                first = Err(e);
                break;
            }
        }
    }
    for event in events {
        let waited = event.wait("copy from the device");
        first = first.and(waited);
    }
    first
}

/// A variable, on each device.
#[derive(Debug)]
pub struct PjrtBuffer {
    spec: Spec,
    mesh: Arc<Mesh>,
    held: Spread,
}

impl PjrtBuffer {
    pub(super) fn new(mesh: &Arc<Mesh>, tensor: &Tensor) -> Result<PjrtBuffer> {
        let spec = Spec::new(tensor.dtype(), tensor.shape());
        Ok(PjrtBuffer { spec, mesh: mesh.clone(), held: mesh.copies(tensor)? })
    }

    pub(super) fn held(&self) -> &Spread {
        &self.held
    }

    pub(super) fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Puts a result of the same spec in place of the value.
    pub(super) fn replace(&mut self, held: Spread) {
        self.held = held;
    }
}

impl Buffer for PjrtBuffer {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn download(&self) -> Result<Tensor> {
        let mut tensor = Tensor::zeros(self.spec.shape.clone(), self.spec.dtype);
        read_all(self.held.0.iter().take(1).map(|held| (held, &self.spec)).zip([&mut tensor]))?;
        Ok(tensor)
    }

    fn write(&mut self, tensor: &Tensor) -> Result<()> {
        let given = Spec::new(tensor.dtype(), tensor.shape());
        if given != self.spec {
            return Err(Error::Data(format!("a variable {} cannot be set to {given}", self.spec)));
        }
        self.held = self.mesh.copies(tensor)?;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
