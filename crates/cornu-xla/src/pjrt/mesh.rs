//! Devices that work as one: variables are on each, batches are shared among them.
use super::api;
use super::buffer::Held;
use super::client::Client;
use super::failure;
use cornu_graph::{Error, Result, Tensor};
use std::ptr::null;
use std::sync::Arc;

/// Some devices of a client, in the order of their parts of a batch.
#[derive(Clone, Debug)]
pub(in crate::pjrt) struct Mesh {
    pub client: Arc<Client>,
    devices: Vec<usize>,
}

impl PartialEq for Mesh {
    fn eq(&self, other: &Mesh) -> bool {
        Arc::ptr_eq(&self.client, &other.client) && self.devices == other.devices
    }
}

impl Mesh {
    /// The devices of these numbers, counted from 0 in the order of the client.
    ///
    /// # Errors
    /// When there is no such device, one comes twice, or none is said.
    pub fn new(client: Arc<Client>, devices: &[usize]) -> Result<Mesh> {
        let count = client.devices().len();
        if let Some(absent) = devices.iter().find(|&&d| d >= count) {
            let message = format!(
                "there is no device {absent}: {} has {count}, counted from 0",
                client.plugin().path.display()
            );
            return Err(failure(message).help("see `cornu devices`, and what `CORNU_PJRT_DEVICES` says"));
        }
        let twice = devices.iter().enumerate().find(|(i, d)| devices[..*i].contains(d));
        if let Some((_, twice)) = twice {
            return Err(Error::argument("devices", format!("device {twice} is named twice")));
        }
        if devices.is_empty() {
            return Err(Error::argument("devices", "at least one device is needed"));
        }
        Ok(Mesh { client, devices: devices.to_vec() })
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// The numbers that the platform knows the devices by.
    pub fn ids(&self) -> Vec<i32> {
        self.devices.iter().map(|&d| self.client.devices()[d].id).collect()
    }

    /// Whether this is the device that the plugin takes if none is said.
    pub fn is_default(&self) -> bool {
        self.devices == [0]
    }

    /// Bytes that are free on each device; 0 where one does not say.
    pub fn free(&self) -> u64 {
        self.devices.iter().map(|&device| self.client.free(device).unwrap_or(0)).min().unwrap_or(0)
    }

    /// The sizes of the parts that the devices get of a value of this shape: it is cut along `axis` where that can be done
    /// without a rest.
    pub fn part(&self, shape: &[usize], axis: Option<usize>) -> Option<(usize, usize)> {
        let axis = axis.filter(|_| self.len() > 1)?;
        let size = *shape.get(axis)?;
        (size > 0 && size.is_multiple_of(self.len())).then(|| (axis, size / self.len()))
    }

    /// A value on each device.
    pub fn copies(&self, tensor: &Tensor) -> Result<Spread> {
        let one = |&device: &usize| {
            let to = self.client.device_ptr(device);
            Held::copied(&self.client, to, tensor.dtype(), tensor.shape(), tensor.bytes())
        };
        Ok(Spread(self.devices.iter().map(one).collect::<Result<_>>()?))
    }

    /// A value of which each device gets a part, cut along `axis`; the whole where that would leave a rest.
    pub fn parts(&self, tensor: &Tensor, axis: Option<usize>) -> Result<Spread> {
        let Some((axis, size)) = self.part(tensor.shape(), axis) else { return self.copies(tensor) };
        let mut shape = tensor.shape().to_vec();
        shape[axis] = size;
        let bytes = tensor.bytes();
        let outer: usize = shape[..axis].iter().product();
        let (row, mut part) = (bytes.len() / outer.max(1), vec![]);
        let step = row / self.len();
        let one = |(i, &device): (usize, &usize)| {
            // Plain rows lie together, others are brought together.
            let lying = &bytes[i * step..(i + 1) * step];
            let taken = if outer == 1 {
                lying
            } else {
                part.clear();
                (0..outer).for_each(|o| part.extend_from_slice(&bytes[o * row + i * step..][..step]));
                &part[..]
            };
            Held::copied(&self.client, self.client.device_ptr(device), tensor.dtype(), &shape, taken)
        };
        Ok(Spread(self.devices.iter().enumerate().map(one).collect::<Result<_>>()?))
    }
}

/// A value on the devices of a mesh: the same or a part on each, in their order.
#[derive(Debug)]
pub(in crate::pjrt) struct Spread(pub Vec<Held>);

impl Spread {
    /// The address on the device of this place in the mesh.
    pub fn as_ptr(&self, place: usize) -> *mut api::Buffer {
        self.0.get(place).map_or(null::<api::Buffer>().cast_mut(), Held::as_ptr)
    }

    /// Whether the memory of any was handed over to another.
    pub fn is_deleted(&self) -> bool {
        self.0.iter().any(Held::is_deleted)
    }
}
