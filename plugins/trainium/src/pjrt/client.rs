//! A client: the devices of a plugin, one of which is used.

use std::path::Path;
use std::sync::Arc;

use super::api::{Api, Event, Failure, words};
use super::buffer::{Buffer, BufferType};
use super::executable::Executable;
use super::options::CompileOptions;
use super::sys::{self, Arguments, Handle};

/// A plugin's devices. Dropped when the last buffer and executable are.
pub struct Client {
    pub(super) api: Arc<Api>,
    raw: Handle,
    devices: Vec<Handle>,
    platform: String,
    version: String,
}

// SAFETY: clients may be used by any thread.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Opens the devices of a plugin.
    ///
    /// # Errors
    /// What the plugin says where it finds no device or cannot open it.
    pub fn new(api: Arc<Api>) -> Result<Arc<Client>, Failure> {
        let mut create = sys::ClientCreate::new();
        api.call(&mut create)?;
        let mut client = Client { api, raw: create.client, devices: Vec::new(), platform: String::new(), version: String::new() };
        let mut name = sys::ClientPlatformName::new();
        name.client = client.raw;
        client.api.call(&mut name)?;
        let mut version = sys::ClientPlatformVersion::new();
        version.client = client.raw;
        client.api.call(&mut version)?;
        let mut devices = sys::ClientAddressableDevices::new();
        devices.client = client.raw;
        client.api.call(&mut devices)?;
        // SAFETY: all of them live as long as the client.
        unsafe {
            client.platform = words(name.name, name.name_size);
            client.version = words(version.version, version.version_size);
            if !devices.devices.is_null() {
                client.devices = std::slice::from_raw_parts(devices.devices, devices.num_devices).to_vec();
            }
        }
        match client.devices.is_empty() {
            true => Err(Failure::new("PJRT_Client_AddressableDevices", "the plugin has no device")),
            false => Ok(Arc::new(client)),
        }
    }

    /// The library's file.
    #[must_use]
    pub fn library(&self) -> &Path {
        self.api.path()
    }

    /// The platform's name: `cpu`, `neuron`.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// What the plugin says of its version, and that of its compiler.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The number of devices.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn device(&self, index: usize) -> Result<Handle, Failure> {
        let missing =
            || Failure::new("PJRT_Client_AddressableDevices", format!("there is no device {index} of {}", self.devices()));
        self.devices.get(index).copied().ok_or_else(missing)
    }

    fn description(&self, index: usize) -> Result<Handle, Failure> {
        let mut description = sys::DeviceDescription::new();
        description.device = self.device(index)?;
        self.api.call(&mut description)?;
        Ok(description.description)
    }

    /// The global id of a device, and what it is.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn describe(&self, index: usize) -> Result<(i64, String), Failure> {
        let description = self.description(index)?;
        let (mut id, mut kind) = (sys::DescriptionId::new(), sys::DescriptionKind::new());
        (id.description, kind.description) = (description, description);
        self.api.call(&mut id)?;
        self.api.call(&mut kind)?;
        // SAFETY: the text lives as long as the device.
        Ok((i64::from(id.id), unsafe { words(kind.kind, kind.kind_size) }))
    }

    /// Bytes in use on a device and bytes that it has, where the plugin tells.
    #[must_use]
    pub fn memory(&self, index: usize) -> Option<(u64, u64)> {
        let mut stats = sys::DeviceMemoryStats::new();
        stats.device = self.device(index).ok()?;
        self.api.call(&mut stats).ok()?;
        let limit = u64::try_from(stats.bytes_limit).ok().filter(|&limit| stats.bytes_limit_is_set && limit > 0)?;
        Some((u64::try_from(stats.bytes_in_use).unwrap_or(0), limit))
    }

    /// Brings elements to a device; the bytes are the caller's again when the call returns.
    ///
    /// # Errors
    /// If the device has no memory, or not the type.
    pub fn upload(self: &Arc<Self>, device: usize, kind: BufferType, dims: &[usize], bytes: &[u8]) -> Result<Buffer, Failure> {
        let dims: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        let mut host = sys::BufferFromHost::new();
        host.client = self.raw;
        host.data = bytes.as_ptr().cast();
        host.buffer_type = kind.code();
        host.dims = dims.as_ptr();
        host.num_dims = dims.len();
        host.host_buffer_semantics = sys::ONLY_DURING_CALL;
        host.device = self.device(device)?;
        self.api.call(&mut host)?;
        let buffer = Buffer { client: Arc::clone(self), raw: host.buffer };
        Event { api: Arc::clone(&self.api), raw: host.done_with_host_buffer }.wait()?;
        Ok(buffer)
    }

    /// Compiles a module in MLIR, text or portable bytecode.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn compile(self: &Arc<Self>, code: &[u8], options: &CompileOptions) -> Result<Executable, Failure> {
        let (program, options) = (sys::Program::mlir(code), options.encode());
        let mut compile = sys::ClientCompile::new();
        compile.client = self.raw;
        compile.program = &program;
        compile.compile_options = options.as_ptr().cast();
        compile.compile_options_size = options.len();
        self.api.call(&mut compile)?;
        Executable::new(Arc::clone(self), compile.executable)
    }

    /// Loads what [`Executable::serialize`] gave.
    ///
    /// # Errors
    /// If the plugin cannot read it, or cannot load executables.
    pub fn load(self: &Arc<Self>, bytes: &[u8]) -> Result<Executable, Failure> {
        let mut load = sys::DeserializeAndLoad::new();
        load.client = self.raw;
        load.bytes = bytes.as_ptr().cast();
        load.bytes_size = bytes.len();
        self.api.call(&mut load)?;
        Executable::new(Arc::clone(self), load.loaded)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut destroy = sys::ClientDestroy::new();
        destroy.client = self.raw;
        let _ = self.api.call(&mut destroy);
    }
}
