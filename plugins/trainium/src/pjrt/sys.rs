//! The structures of the PJRT C API that are used here, as `pjrt_c_api.h` (version 0.81,
//! Apache-2.0) lays them out.
//!
//! The API grows at the ends of structures. Each argument structure begins with its own size, by
//! which either side knows which fields the other has: the end of the last field, without the
//! padding that may follow it.

use std::ffi::{c_char, c_int, c_void};

/// A pointer to something of the plugin's.
pub(super) type Handle = *mut c_void;

/// An argument structure, and the function that takes it.
///
/// # Safety
/// The type is the structure that the function at `INDEX` of the plugin's table takes, and all
/// zeroes are a value of it.
pub(super) unsafe trait Arguments: Sized {
    /// The function's place in the table.
    const INDEX: usize;
    /// The function's name.
    const NAME: &'static str;
    /// The structure's size as the header counts it.
    const SIZE: usize;

    /// The structure with its size filled in and everything else zero.
    fn new() -> Self {
        // SAFETY: these are plain C structures of integers, flags and pointers.
        let mut value: Self = unsafe { std::mem::zeroed() };
        // SAFETY: the first field of each is `size_t struct_size`.
        unsafe { (&raw mut value).cast::<usize>().write(Self::SIZE) };
        value
    }
}

macro_rules! arguments {
    ($( $name:ident = $index:literal $function:literal { $( $field:ident : $ty:ty, )* .. $last:ident : $last_ty:ty } )*) => {
        $(
            #[repr(C)]
            #[doc = concat!("The arguments of `", $function, "`.")]
            pub(super) struct $name {
                struct_size: usize,
                extension_start: Handle,
                $( pub(super) $field: $ty, )*
                pub(super) $last: $last_ty,
            }

            // SAFETY: the fields are those of the header, in its order.
            unsafe impl Arguments for $name {
                const INDEX: usize = $index;
                const NAME: &'static str = $function;
                const SIZE: usize = std::mem::offset_of!($name, $last) + size_of::<$last_ty>();
            }
        )*

        /// The functions that are used: their places in the table, and their names.
        #[cfg(test)]
        pub(super) const FUNCTIONS: &[(usize, &str, usize)] = &[ $( ($index, $function, $name::SIZE) ),* ];
    };
}

arguments! {
    ErrorDestroy = 0 "PJRT_Error_Destroy" { .. error: Handle }
    ErrorMessage = 1 "PJRT_Error_Message" { error: Handle, message: *const c_char, .. message_size: usize }
    ErrorCode = 2 "PJRT_Error_GetCode" { error: Handle, .. code: c_int }
    PluginInitialize = 3 "PJRT_Plugin_Initialize" { .. unused: [u8; 0] }
    EventDestroy = 5 "PJRT_Event_Destroy" { .. event: Handle }
    EventAwait = 8 "PJRT_Event_Await" { .. event: Handle }
    ClientCreate = 10 "PJRT_Client_Create" {
        create_options: Handle,
        num_options: usize,
        kv_get_callback: Handle,
        kv_get_user_arg: Handle,
        kv_put_callback: Handle,
        kv_put_user_arg: Handle,
        client: Handle,
        kv_try_get_callback: Handle,
        .. kv_try_get_user_arg: Handle
    }
    ClientDestroy = 11 "PJRT_Client_Destroy" { .. client: Handle }
    ClientPlatformName = 12 "PJRT_Client_PlatformName" { client: Handle, name: *const c_char, .. name_size: usize }
    ClientPlatformVersion = 14 "PJRT_Client_PlatformVersion" { client: Handle, version: *const c_char, .. version_size: usize }
    ClientAddressableDevices = 16 "PJRT_Client_AddressableDevices" {
        client: Handle,
        devices: *const Handle,
        .. num_devices: usize
    }
    ClientCompile = 20 "PJRT_Client_Compile" {
        client: Handle,
        program: *const Program,
        compile_options: *const c_char,
        compile_options_size: usize,
        .. executable: Handle
    }
    BufferFromHost = 22 "PJRT_Client_BufferFromHostBuffer" {
        client: Handle,
        data: *const c_void,
        buffer_type: c_int,
        dims: *const i64,
        num_dims: usize,
        byte_strides: *const i64,
        num_byte_strides: usize,
        host_buffer_semantics: c_int,
        device: Handle,
        memory: Handle,
        device_layout: Handle,
        done_with_host_buffer: Handle,
        .. buffer: Handle
    }
    DescriptionId = 23 "PJRT_DeviceDescription_Id" { description: Handle, .. id: c_int }
    DescriptionKind = 26 "PJRT_DeviceDescription_Kind" { description: Handle, kind: *const c_char, .. kind_size: usize }
    DeviceDescription = 29 "PJRT_Device_GetDescription" { device: Handle, .. description: Handle }
    DeviceMemoryStats = 34 "PJRT_Device_MemoryStats" {
        device: Handle,
        bytes_in_use: i64,
        peak_bytes_in_use: i64,
        peak_bytes_in_use_is_set: bool,
        num_allocs: i64,
        num_allocs_is_set: bool,
        largest_alloc_size: i64,
        largest_alloc_size_is_set: bool,
        bytes_limit: i64,
        bytes_limit_is_set: bool,
        bytes_reserved: i64,
        bytes_reserved_is_set: bool,
        peak_bytes_reserved: i64,
        peak_bytes_reserved_is_set: bool,
        bytes_reservable_limit: i64,
        bytes_reservable_limit_is_set: bool,
        largest_free_block_bytes: i64,
        largest_free_block_bytes_is_set: bool,
        pool_bytes: i64,
        pool_bytes_is_set: bool,
        peak_pool_bytes: i64,
        .. peak_pool_bytes_is_set: bool
    }
    ExecutableDestroy = 40 "PJRT_Executable_Destroy" { .. executable: Handle }
    ExecutableNumOutputs = 44 "PJRT_Executable_NumOutputs" { executable: Handle, .. num_outputs: usize }
    ExecutableSerialize = 49 "PJRT_Executable_Serialize" {
        executable: Handle,
        bytes: *const c_char,
        bytes_size: usize,
        serialized: Handle,
        .. deleter: Option<unsafe extern "C" fn(Handle)>
    }
    LoadedDestroy = 50 "PJRT_LoadedExecutable_Destroy" { .. executable: Handle }
    LoadedExecutable = 51 "PJRT_LoadedExecutable_GetExecutable" { loaded: Handle, .. executable: Handle }
    LoadedExecute = 55 "PJRT_LoadedExecutable_Execute" {
        executable: Handle,
        options: *mut ExecuteOptions,
        argument_lists: *const *const Handle,
        num_devices: usize,
        num_args: usize,
        output_lists: *const *mut Handle,
        device_complete_events: *mut Handle,
        .. execute_device: Handle
    }
    DeserializeAndLoad = 56 "PJRT_Executable_DeserializeAndLoad" {
        client: Handle,
        bytes: *const c_char,
        bytes_size: usize,
        loaded: Handle,
        overridden_options: *const c_char,
        .. overridden_options_size: usize
    }
    BufferDestroy = 58 "PJRT_Buffer_Destroy" { .. buffer: Handle }
    BufferToHost = 70 "PJRT_Buffer_ToHostBuffer" {
        source: Handle,
        host_layout: Handle,
        destination: *mut c_void,
        destination_size: usize,
        .. event: Handle
    }
    BufferPointer = 73 "PJRT_Buffer_UnsafePointer" { buffer: Handle, .. pointer: usize }
}

/// A program to be compiled.
#[repr(C)]
pub(super) struct Program {
    pub(super) struct_size: usize,
    extension_start: Handle,
    code: *const c_char,
    code_size: usize,
    format: *const c_char,
    format_size: usize,
}

impl Program {
    /// A module in MLIR, as text or as bytecode; the plugin sees which.
    pub(super) fn mlir(code: &[u8]) -> Self {
        const FORMAT: &str = "mlir";
        Program {
            struct_size: size_of::<Program>(),
            extension_start: std::ptr::null_mut(),
            code: code.as_ptr().cast(),
            code_size: code.len(),
            format: FORMAT.as_ptr().cast(),
            format_size: FORMAT.len(),
        }
    }
}

/// How a program is run. Nothing of it is asked for but the defaults.
#[repr(C)]
pub(super) struct ExecuteOptions {
    struct_size: usize,
    extension_start: Handle,
    send_callbacks: Handle,
    recv_callbacks: Handle,
    num_send_ops: usize,
    num_recv_ops: usize,
    launch_id: c_int,
    non_donatable_input_indices: *const i64,
    num_non_donatable_input_indices: usize,
    context: Handle,
    call_location: *const c_char,
    num_tasks: usize,
    task_ids: *mut c_int,
    incarnation_ids: *mut i64,
}

impl ExecuteOptions {
    pub(super) fn new() -> Self {
        // SAFETY: a plain C structure of integers and pointers.
        let mut options: ExecuteOptions = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<ExecuteOptions>();
        options
    }
}

/// The head of the plugin's table of functions, which follow it as pointers.
#[repr(C)]
pub(super) struct Table {
    pub(super) struct_size: usize,
    extension_start: Handle,
    version_struct_size: usize,
    version_extension_start: Handle,
    pub(super) major_version: c_int,
    pub(super) minor_version: c_int,
}

/// `PJRT_HostBufferSemantics_kImmutableOnlyDuringCall`.
pub(super) const ONLY_DURING_CALL: c_int = 0;

/// `PJRT_Error_Code_RESOURCE_EXHAUSTED`.
pub(super) const RESOURCE_EXHAUSTED: c_int = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions of the table in the header's order.
    fn table(header: &str) -> Vec<&str> {
        header.lines().filter_map(|line| line.trim().strip_prefix("_PJRT_API_STRUCT_FIELD(")?.strip_suffix(");")).collect()
    }

    #[test]
    #[ignore = "needs the header beside a PJRT plugin, which .ci/pjrt fetches"]
    fn places_in_the_table_are_those_of_the_header() {
        let plugin = std::env::var("SCALEDOWN_PJRT_PLUGIN").expect("the plugin's path");
        let header = std::path::Path::new(&plugin).with_file_name("include").join("pjrt_c_api.h");
        let header = std::fs::read_to_string(header).expect("a header");
        let table = table(&header);
        assert!(table.len() > 100, "{} functions", table.len());
        for (index, name, _) in FUNCTIONS {
            assert_eq!(table[*index], *name);
        }
    }

    #[test]
    fn sizes_end_with_the_last_field() {
        let size = |name: &str| FUNCTIONS.iter().find(|(_, known, _)| *known == name).map(|(.., size)| *size);
        assert_eq!(size("PJRT_Plugin_Initialize"), Some(16));
        assert_eq!(size("PJRT_Error_GetCode"), Some(28), "without the padding behind an int");
        assert_eq!(size("PJRT_Device_MemoryStats"), Some(185), "without the padding behind a flag");
        assert_eq!(size("PJRT_Client_BufferFromHostBuffer"), Some(120));
        assert_eq!(size_of::<Table>(), 40);
    }
}
