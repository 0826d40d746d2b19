//! A plugin in use: its devices and their memory.
use super::api::{self, NamedValue, Value, named};
use super::failure;
use super::options::Options;
use super::plugin::{Plugin, string};
use cornu_graph::Result;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A device that this process can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number among those of its platform.
    pub id: i32,
    /// What it is: `NVIDIA H100 80GB HBM3`.
    pub kind: String,
}

/// Devices and memory, given back when nothing uses them any more.
#[derive(Debug)]
pub(in crate::pjrt) struct Client {
    plugin: &'static Plugin,
    raw: *mut api::Client,
    /// In the order of `devices`.
    pointers: Vec<*mut api::Device>,
    devices: Vec<Device>,
    platform: String,
    version: String,
    options: Options,
}

// SAFETY: clients of PJRT may be used on any thread, by several at a time.
unsafe impl Send for Client {}
// SAFETY: the same.
unsafe impl Sync for Client {}

impl Drop for Client {
    fn drop(&mut self) {
        let mut args = api::ClientDestroyArgs { client: self.raw, ..api::ClientDestroyArgs::new() };
        // There is nobody to tell.
        let _ = self.plugin.call("close the plugin", self.plugin.api.client_destroy, &mut args);
    }
}

impl Client {
    /// The client of this plugin that is in use, else a new one: a second would find no memory on a device.
    ///
    /// # Errors
    /// When the plugin refuses, finds no device, or is in use with other options.
    pub fn shared(plugin: &'static Plugin, options: &Options) -> Result<Arc<Client>> {
        static IN_USE: Mutex<Vec<Weak<Client>>> = Mutex::new(vec![]);
        options.check()?;
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.retain(|client| client.strong_count() > 0);
        let same = in_use.iter().filter_map(Weak::upgrade).find(|c| std::ptr::eq(c.plugin, plugin));
        if let Some(client) = same {
            if client.options != *options {
                let message = format!("{} is in use with other options", plugin.path.display());
                return Err(failure(message).help("options are set before the first model is compiled"));
            }
            return Ok(client);
        }
        let client = Arc::new(Client::new(plugin, options)?);
        in_use.push(Arc::downgrade(&client));
        Ok(client)
    }

    fn new(plugin: &'static Plugin, options: &Options) -> Result<Client> {
        let given = given(options);
        let mut args = api::ClientCreateArgs {
            create_options: given.as_ptr(),
            num_options: given.len(),
            ..api::ClientCreateArgs::new()
        };
        plugin.call("open a device", plugin.api.client_create, &mut args)?;
        let mut client = Client {
            plugin,
            raw: args.client,
            pointers: vec![],
            devices: vec![],
            platform: String::new(),
            version: String::new(),
            options: options.clone(),
        };
        client.describe()?;
        Ok(client)
    }

    fn describe(&mut self) -> Result<()> {
        let (plugin, client) = (self.plugin, self.raw);
        let mut name = api::ClientPlatformNameArgs { client, ..api::ClientPlatformNameArgs::new() };
        plugin.call("ask for the platform", plugin.api.client_platform_name, &mut name)?;
        let mut version = api::ClientPlatformVersionArgs { client, ..api::ClientPlatformVersionArgs::new() };
        plugin.call("ask for the platform's version", plugin.api.client_platform_version, &mut version)?;
        let mut list =
            api::ClientAddressableDevicesArgs { client, ..api::ClientAddressableDevicesArgs::new() };
        plugin.call("ask for devices", plugin.api.client_addressable_devices, &mut list)?;
        // SAFETY: texts and list live as long as the client.
        let devices = unsafe {
            self.platform = string(name.platform_name, name.platform_name_size);
            self.version = string(version.platform_version, version.platform_version_size);
            match list.addressable_devices.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(list.addressable_devices, list.num_addressable_devices),
            }
        };
        if devices.is_empty() {
            return Err(failure(format!("{} finds no device", plugin.path.display()))
                .help("see what `CORNU_PJRT_DEVICES` and the like of the platform say"));
        }
        self.pointers = devices.to_vec();
        self.devices = devices.iter().map(|&device| self.device(device)).collect::<Result<_>>()?;
        Ok(())
    }

    fn device(&self, device: *mut api::Device) -> Result<Device> {
        let (plugin, what) = (self.plugin, "ask for a device's description");
        let mut get = api::DeviceGetDescriptionArgs { device, ..api::DeviceGetDescriptionArgs::new() };
        plugin.call(what, plugin.api.device_get_description, &mut get)?;
        let device_description = get.device_description;
        let mut id =
            api::DeviceDescriptionIdArgs { device_description, ..api::DeviceDescriptionIdArgs::new() };
        plugin.call(what, plugin.api.device_description_id, &mut id)?;
        let mut kind =
            api::DeviceDescriptionKindArgs { device_description, ..api::DeviceDescriptionKindArgs::new() };
        plugin.call(what, plugin.api.device_description_kind, &mut kind)?;
        // SAFETY: the text lives as long as the device.
        let kind = unsafe { string(kind.device_kind, kind.device_kind_size) };
        Ok(Device { id: id.id, kind })
    }

    pub fn plugin(&self) -> &'static Plugin {
        self.plugin
    }

    pub fn as_ptr(&self) -> *mut api::Client {
        self.raw
    }

    /// The device of this number, of which there must be so many.
    pub fn device_ptr(&self, number: usize) -> *mut api::Device {
        self.pointers[number]
    }

    /// Bytes that are free on a device, where it says so.
    pub fn free(&self, device: usize) -> Option<u64> {
        let device = self.device_ptr(device);
        let mut args = api::DeviceMemoryStatsArgs { device, ..api::DeviceMemoryStatsArgs::new() };
        self.plugin.call("ask for memory", self.plugin.api.device_memory_stats, &mut args).ok()?;
        args.bytes_limit_is_set.then(|| args.bytes_limit.saturating_sub(args.bytes_in_use).max(0) as u64)
    }

    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    pub fn platform(&self) -> &str {
        &self.platform
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// The options that were said, as the plugin takes them; they point into `options`.
fn given(options: &Options) -> Vec<NamedValue> {
    let value = |name: &'static str, kind: c_int, value: Value, value_size: usize| NamedValue {
        name: name.as_ptr().cast(),
        name_size: name.len(),
        kind,
        value,
        value_size,
        ..NamedValue::new()
    };
    let mut given = vec![];
    if let Some(float) = options.memory_fraction {
        given.push(value("memory_fraction", named::FLOAT, Value { float }, 1));
    }
    if let Some(bool) = options.preallocate {
        given.push(value("preallocate", named::BOOL, Value { bool }, 1));
    }
    if !options.visible_devices.is_empty() {
        let list = &options.visible_devices;
        given.push(value(
            "visible_devices",
            named::INT64_LIST,
            Value { int64_array: list.as_ptr() },
            list.len(),
        ));
    }
    given
}
