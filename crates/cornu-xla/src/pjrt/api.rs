//! The part of the PJRT C API that is used: structs, numbers and the table of functions, as in `pjrt_c_api.h` 0.90.
//!
//! Each struct begins with its size, by which the two sides agree on its fields; fields that came later are at the end.
use std::ffi::{c_char, c_int, c_void};
use std::mem::{offset_of, size_of};

/// The major version of the interface: another one has other structs.
pub const MAJOR: c_int = 0;
/// The minor version of the header that these structs follow.
pub const MINOR: c_int = 90;

/// Types that only the plugin looks into.
macro_rules! opaque {
    ($($Type:ident)*) => { $(
        #[repr(C)]
        #[derive(Debug)]
        #[allow(missing_docs)]
        pub struct $Type {
            _private: [u8; 0],
        }
    )* };
}
opaque!(Error Event Client Device DeviceDescription Memory LoadedExecutable Executable Buffer Serialized ExecuteContext);

/// Structs of the interface: `struct_size`, `extension_start`, then these fields.
macro_rules! structs {
    ($($Type:ident / $last:ident { $($field:ident: $t:ty,)* })*) => {
        $(
            #[repr(C)]
            #[derive(Debug)]
            #[allow(missing_docs)]
            pub struct $Type {
                pub struct_size: usize,
                pub extension_start: *mut c_void,
                $(pub $field: $t,)*
            }

            impl $Type {
                /// What `struct_size` says: up to the end of the last field, without padding.
                pub const SIZE: usize = offset_of!($Type, $last) + {
                    const fn size<T, U>(_: fn(&T) -> &U) -> usize { size_of::<U>() }
                    size(|s: &$Type| &s.$last)
                };

                /// All zero but for the size.
                pub fn new() -> $Type {
                    // SAFETY: every field is a number, a bool, or a pointer that may be null.
                    let mut new: $Type = unsafe { std::mem::zeroed() };
                    new.struct_size = $Type::SIZE;
                    new
                }
            }

            impl Default for $Type {
                fn default() -> Self {
                    $Type::new()
                }
            }
        )*

        /// Name, size and offsets of the fields of each struct, for a comparison with the header.
        pub fn layouts() -> Vec<(&'static str, usize, Vec<(&'static str, usize)>)> {
            vec![$((stringify!($Type), $Type::SIZE, vec![$((stringify!($field), offset_of!($Type, $field))),*])),*]
        }
    };
}

structs! {
    ApiVersion / minor_version { major_version: c_int, minor_version: c_int, }
    ErrorDestroyArgs / error { error: *mut Error, }
    ErrorMessageArgs / message_size { error: *const Error, message: *const c_char, message_size: usize, }
    ErrorGetCodeArgs / code { error: *const Error, code: c_int, }
    NamedValue / value_size {
        name: *const c_char, name_size: usize, kind: c_int, value: Value, value_size: usize,
    }
    PluginInitializeArgs / extension_start {}
    PluginAttributesArgs / num_attributes { attributes: *const NamedValue, num_attributes: usize, }
    EventDestroyArgs / event { event: *mut Event, }
    EventAwaitArgs / event { event: *mut Event, }
    ClientCreateArgs / kv_try_get_user_arg {
        create_options: *const NamedValue, num_options: usize,
        kv_get_callback: *const c_void, kv_get_user_arg: *mut c_void,
        kv_put_callback: *const c_void, kv_put_user_arg: *mut c_void,
        client: *mut Client,
        kv_try_get_callback: *const c_void, kv_try_get_user_arg: *mut c_void,
    }
    ClientDestroyArgs / client { client: *mut Client, }
    ClientPlatformNameArgs / platform_name_size {
        client: *mut Client, platform_name: *const c_char, platform_name_size: usize,
    }
    ClientPlatformVersionArgs / platform_version_size {
        client: *mut Client, platform_version: *const c_char, platform_version_size: usize,
    }
    ClientAddressableDevicesArgs / num_addressable_devices {
        client: *mut Client, addressable_devices: *const *mut Device, num_addressable_devices: usize,
    }
    Program / format_size { code: *const c_char, code_size: usize, format: *const c_char, format_size: usize, }
    ClientCompileArgs / executable {
        client: *mut Client, program: *const Program,
        compile_options: *const c_char, compile_options_size: usize,
        executable: *mut LoadedExecutable,
    }
    ClientBufferFromHostBufferArgs / buffer {
        client: *mut Client, data: *const c_void, kind: c_int, dims: *const i64, num_dims: usize,
        byte_strides: *const i64, num_byte_strides: usize, host_buffer_semantics: c_int,
        device: *mut Device, memory: *mut Memory, device_layout: *mut c_void,
        done_with_host_buffer: *mut Event, buffer: *mut Buffer,
    }
    DeviceDescriptionIdArgs / id { device_description: *mut DeviceDescription, id: c_int, }
    DeviceDescriptionKindArgs / device_kind_size {
        device_description: *mut DeviceDescription, device_kind: *const c_char, device_kind_size: usize,
    }
    DeviceGetDescriptionArgs / device_description {
        device: *mut Device, device_description: *mut DeviceDescription,
    }
    DeviceMemoryStatsArgs / peak_pool_bytes_is_set {
        device: *mut Device,
        bytes_in_use: i64,
        peak_bytes_in_use: i64, peak_bytes_in_use_is_set: bool,
        num_allocs: i64, num_allocs_is_set: bool,
        largest_alloc_size: i64, largest_alloc_size_is_set: bool,
        bytes_limit: i64, bytes_limit_is_set: bool,
        bytes_reserved: i64, bytes_reserved_is_set: bool,
        peak_bytes_reserved: i64, peak_bytes_reserved_is_set: bool,
        bytes_reservable_limit: i64, bytes_reservable_limit_is_set: bool,
        largest_free_block_bytes: i64, largest_free_block_bytes_is_set: bool,
        pool_bytes: i64, pool_bytes_is_set: bool,
        peak_pool_bytes: i64, peak_pool_bytes_is_set: bool,
    }
    ExecutableDestroyArgs / executable { executable: *mut Executable, }
    ExecutableNumOutputsArgs / num_outputs { executable: *mut Executable, num_outputs: usize, }
    ExecutableSerializeArgs / serialized_executable_deleter {
        executable: *const Executable, serialized_bytes: *const c_char, serialized_bytes_size: usize,
        serialized_executable: *mut Serialized,
        serialized_executable_deleter: Option<unsafe extern "C" fn(*mut Serialized)>,
    }
    LoadedExecutableDestroyArgs / executable { executable: *mut LoadedExecutable, }
    LoadedExecutableGetExecutableArgs / executable {
        loaded_executable: *mut LoadedExecutable, executable: *mut Executable,
    }
    ExecuteOptions / incarnation_ids {
        send_callbacks: *mut c_void, recv_callbacks: *mut c_void, num_send_ops: usize, num_recv_ops: usize,
        launch_id: c_int, non_donatable_input_indices: *const i64, num_non_donatable_input_indices: usize,
        context: *mut ExecuteContext, call_location: *const c_char,
        num_tasks: usize, task_ids: *mut c_int, incarnation_ids: *mut i64,
    }
    LoadedExecutableExecuteArgs / execute_device {
        executable: *mut LoadedExecutable, options: *mut ExecuteOptions,
        argument_lists: *const *const *mut Buffer, num_devices: usize, num_args: usize,
        output_lists: *const *mut *mut Buffer, device_complete_events: *mut *mut Event,
        execute_device: *mut Device,
    }
    ExecutableDeserializeAndLoadArgs / overridden_serialized_compile_options_size {
        client: *mut Client, serialized_executable: *const c_char, serialized_executable_size: usize,
        loaded_executable: *mut LoadedExecutable,
        overridden_serialized_compile_options: *const c_char, overridden_serialized_compile_options_size: usize,
    }
    BufferDestroyArgs / buffer { buffer: *mut Buffer, }
    BufferIsDeletedArgs / is_deleted { buffer: *mut Buffer, is_deleted: bool, }
    BufferToHostBufferArgs / event {
        src: *mut Buffer, host_layout: *mut Layout, dst: *mut c_void, dst_size: usize, event: *mut Event,
    }
    Tiled / num_tiles {
        minor_to_major: *const i64, minor_to_major_size: usize,
        tile_dims: *const i64, tile_dim_sizes: *const usize, num_tiles: usize,
    }
    Layout / kind { tiled: Tiled, kind: c_int, }
}

/// The value of a [`NamedValue`], of the type that its `kind` says.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub union Value {
    pub string: *const c_char,
    pub int64: i64,
    pub int64_array: *const i64,
    pub float: f32,
    pub bool: bool,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value")
    }
}

/// `PJRT_NamedValue_Type`.
#[allow(missing_docs)]
pub mod named {
    use std::ffi::c_int;
    pub const STRING: c_int = 0;
    pub const INT64: c_int = 1;
    pub const INT64_LIST: c_int = 2;
    pub const FLOAT: c_int = 3;
    pub const BOOL: c_int = 4;
}

/// `PJRT_Error_Code`, as its names say it, by number.
pub const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// `PJRT_Buffer_Type` of a dtype.
pub fn buffer_type(dtype: cornu_graph::DType) -> c_int {
    use cornu_graph::DType;
    match dtype {
        DType::Bool => 1,
        DType::I8 => 2,
        DType::I16 => 3,
        DType::I32 => 4,
        DType::I64 => 5,
        DType::U8 => 6,
        DType::U16 => 7,
        DType::U32 => 8,
        DType::U64 => 9,
        DType::F16 => 10,
        DType::F32 => 11,
        DType::F64 => 12,
        DType::BF16 => 13,
    }
}

/// `PJRT_HostBufferSemantics_kImmutableOnlyDuringCall`: the plugin copies before it returns.
pub const ONLY_DURING_CALL: c_int = 0;
/// `PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes`: until the event that it gives.
pub const UNTIL_TRANSFER: c_int = 1;

/// A function of the table.
pub type Function<A> = unsafe extern "C" fn(*mut A) -> *mut Error;

/// The table: every place up to the last function used, those that are not used as plain pointers.
macro_rules! table {
    ($($field:ident: $t:ty,)*) => {
        /// What `GetPjrtApi` gives.
        #[repr(C)]
        #[derive(Debug)]
        #[allow(missing_docs)]
        pub struct Api {
            pub struct_size: usize,
            pub extension_start: *mut c_void,
            pub version: ApiVersion,
            $(pub $field: $t,)*
        }

        impl Api {
            /// An empty table, as large as ours.
            pub fn new() -> Api {
                Api {
                    struct_size: size_of::<Api>(),
                    extension_start: std::ptr::null_mut(),
                    version: ApiVersion::new(),
                    // SAFETY: null is no function.
                    $($field: unsafe { std::mem::zeroed() },)*
                }
            }
        }

        /// Names and offsets of the table's functions, for a comparison with the header.
        pub fn table() -> Vec<(&'static str, usize)> {
            vec![$((stringify!($field), offset_of!(Api, $field))),*]
        }
    };
}

impl Default for Api {
    fn default() -> Self {
        Api::new()
    }
}

/// A function that is not used.
type Unused = *const c_void;

table! {
    error_destroy: Option<unsafe extern "C" fn(*mut ErrorDestroyArgs)>,
    error_message: Option<unsafe extern "C" fn(*mut ErrorMessageArgs)>,
    error_get_code: Option<Function<ErrorGetCodeArgs>>,
    plugin_initialize: Option<Function<PluginInitializeArgs>>,
    plugin_attributes: Option<Function<PluginAttributesArgs>>,
    event_destroy: Option<Function<EventDestroyArgs>>,
    event_is_ready: Unused,
    event_error: Unused,
    event_await: Option<Function<EventAwaitArgs>>,
    event_on_ready: Unused,
    client_create: Option<Function<ClientCreateArgs>>,
    client_destroy: Option<Function<ClientDestroyArgs>>,
    client_platform_name: Option<Function<ClientPlatformNameArgs>>,
    client_process_index: Unused,
    client_platform_version: Option<Function<ClientPlatformVersionArgs>>,
    client_devices: Unused,
    client_addressable_devices: Option<Function<ClientAddressableDevicesArgs>>,
    client_lookup_device: Unused,
    client_lookup_addressable_device: Unused,
    client_addressable_memories: Unused,
    client_compile: Option<Function<ClientCompileArgs>>,
    client_default_device_assignment: Unused,
    client_buffer_from_host_buffer: Option<Function<ClientBufferFromHostBufferArgs>>,
    device_description_id: Option<Function<DeviceDescriptionIdArgs>>,
    device_description_process_index: Unused,
    device_description_attributes: Unused,
    device_description_kind: Option<Function<DeviceDescriptionKindArgs>>,
    device_description_debug_string: Unused,
    device_description_to_string: Unused,
    device_get_description: Option<Function<DeviceGetDescriptionArgs>>,
    device_is_addressable: Unused,
    device_local_hardware_id: Unused,
    device_addressable_memories: Unused,
    device_default_memory: Unused,
    device_memory_stats: Option<Function<DeviceMemoryStatsArgs>>,
    memory_id: Unused,
    memory_kind: Unused,
    memory_debug_string: Unused,
    memory_to_string: Unused,
    memory_addressable_by_devices: Unused,
    executable_destroy: Option<Function<ExecutableDestroyArgs>>,
    executable_name: Unused,
    executable_num_replicas: Unused,
    executable_num_partitions: Unused,
    executable_num_outputs: Option<Function<ExecutableNumOutputsArgs>>,
    executable_size_of_generated_code_in_bytes: Unused,
    executable_get_cost_analysis: Unused,
    executable_output_memory_kinds: Unused,
    executable_optimized_program: Unused,
    executable_serialize: Option<Function<ExecutableSerializeArgs>>,
    loaded_executable_destroy: Option<Function<LoadedExecutableDestroyArgs>>,
    loaded_executable_get_executable: Option<Function<LoadedExecutableGetExecutableArgs>>,
    loaded_executable_addressable_devices: Unused,
    loaded_executable_delete: Unused,
    loaded_executable_is_deleted: Unused,
    loaded_executable_execute: Option<Function<LoadedExecutableExecuteArgs>>,
    executable_deserialize_and_load: Option<Function<ExecutableDeserializeAndLoadArgs>>,
    loaded_executable_fingerprint: Unused,
    buffer_destroy: Option<Function<BufferDestroyArgs>>,
    buffer_element_type: Unused,
    buffer_dimensions: Unused,
    buffer_unpadded_dimensions: Unused,
    buffer_dynamic_dimension_indices: Unused,
    buffer_get_memory_layout: Unused,
    buffer_on_device_size_in_bytes: Unused,
    buffer_device: Unused,
    buffer_memory: Unused,
    buffer_delete: Unused,
    buffer_is_deleted: Option<Function<BufferIsDeletedArgs>>,
    buffer_copy_to_device: Unused,
    buffer_to_host_buffer: Option<Function<BufferToHostBufferArgs>>,
}
