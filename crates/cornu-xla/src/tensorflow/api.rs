//! The functions of TensorFlow's C API that are used, and its status as our errors.
use super::failure;
use super::find::{LIBRARIES, locate};
use cornu_graph::{DType, Error, Result};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Types of TensorFlow that only it looks into.
macro_rules! opaque {
    ($($Type:ident)*) => { $(
        #[repr(C)]
        pub(super) struct $Type {
            _private: [u8; 0],
        }
    )* };
}
opaque!(TfGraph TfOperation TfOperationDescription TfSession TfSessionOptions TfStatus TfTensor);

/// An output of an operation.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct TfOutput {
    pub operation: *mut TfOperation,
    pub index: c_int,
}

/// Declares the table of functions, filled from the library by their names.
macro_rules! functions {
    ($($field:ident $name:literal ($($t:ty),*) $(-> $r:ty)?;)*) => {
        /// The open library.
        pub(crate) struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($t),*) $(-> $r)?,)*
        }

        impl Api {
            fn load(library: &libloading::Library) -> Result<Api> {
                // SAFETY: the types are those of tensorflow/c/c_api.h and tf_tensor.h.
                unsafe {
                    Ok(Api { $($field: *library.get(concat!($name, "\0").as_bytes()).map_err(|e| {
                        failure(format!("this TensorFlow has no `{}`: {e}", $name)).help(super::INSTALL)
                    })?),* })
                }
            }
        }
    };
}

functions! {
    tf_version "TF_Version" () -> *const c_char;
    new_status "TF_NewStatus" () -> *mut TfStatus;
    delete_status "TF_DeleteStatus" (*mut TfStatus);
    get_code "TF_GetCode" (*const TfStatus) -> c_int;
    message "TF_Message" (*const TfStatus) -> *const c_char;
    allocate_tensor "TF_AllocateTensor" (c_int, *const i64, c_int, usize) -> *mut TfTensor;
    delete_tensor "TF_DeleteTensor" (*mut TfTensor);
    tensor_type "TF_TensorType" (*const TfTensor) -> c_int;
    tensor_data "TF_TensorData" (*const TfTensor) -> *mut c_void;
    tensor_byte_size "TF_TensorByteSize" (*const TfTensor) -> usize;
    new_graph "TF_NewGraph" () -> *mut TfGraph;
    delete_graph "TF_DeleteGraph" (*mut TfGraph);
    new_operation "TF_NewOperation" (*mut TfGraph, *const c_char, *const c_char) -> *mut TfOperationDescription;
    finish_operation "TF_FinishOperation" (*mut TfOperationDescription, *mut TfStatus) -> *mut TfOperation;
    set_device "TF_SetDevice" (*mut TfOperationDescription, *const c_char);
    add_input_list "TF_AddInputList" (*mut TfOperationDescription, *const TfOutput, c_int);
    set_attr_int "TF_SetAttrInt" (*mut TfOperationDescription, *const c_char, i64);
    set_attr_string "TF_SetAttrString" (*mut TfOperationDescription, *const c_char, *const c_void, usize);
    set_attr_string_list "TF_SetAttrStringList"
        (*mut TfOperationDescription, *const c_char, *const *const c_void, *const usize, c_int);
    set_attr_type "TF_SetAttrType" (*mut TfOperationDescription, *const c_char, c_int);
    set_attr_type_list "TF_SetAttrTypeList" (*mut TfOperationDescription, *const c_char, *const c_int, c_int);
    set_attr_shape "TF_SetAttrShape" (*mut TfOperationDescription, *const c_char, *const i64, c_int);
    set_attr_shape_list "TF_SetAttrShapeList"
        (*mut TfOperationDescription, *const c_char, *const *const i64, *const c_int, c_int);
    new_session_options "TF_NewSessionOptions" () -> *mut TfSessionOptions;
    delete_session_options "TF_DeleteSessionOptions" (*mut TfSessionOptions);
    set_config "TF_SetConfig" (*mut TfSessionOptions, *const c_void, usize, *mut TfStatus);
    new_session "TF_NewSession" (*mut TfGraph, *const TfSessionOptions, *mut TfStatus) -> *mut TfSession;
    delete_session "TF_DeleteSession" (*mut TfSession, *mut TfStatus);
    session_run "TF_SessionRun" (
        *mut TfSession, *const c_void,
        *const TfOutput, *const *mut TfTensor, c_int,
        *const TfOutput, *mut *mut TfTensor, c_int,
        *const *const TfOperation, c_int,
        *mut c_void, *mut TfStatus
    );
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TensorFlow {}", self.version())
    }
}

/// The process's TensorFlow, opened on first use.
pub(super) fn open(dir: Option<&Path>) -> Result<&'static Api> {
    static OPEN: Mutex<Option<&'static Api>> = Mutex::new(None);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(api) = *open {
        return Ok(api);
    }
    let found = locate(dir)?;
    let mut last = None;
    for file in LIBRARIES {
        let path = found.dir.join(file);
        let failed = |e| failure(format!("{} cannot be opened: {e}", path.display())).help(super::INSTALL);
        let library = open_library(&path).map_err(failed)?;
        // It starts threads that outlive everything.
        last = Some(&*Box::leak(Box::new(library)));
    }
    let library = last.ok_or_else(|| failure("TensorFlow has no libraries"))?;
    let api: &'static Api = Box::leak(Box::new(Api::load(library)?));
    *open = Some(api);
    Ok(api)
}

#[cfg(unix)]
fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the initialization of TensorFlow's own libraries.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }?;
    let library = libloading::Library::from(library);
    Ok(library)
}

#[cfg(not(unix))]
fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: the initialization of TensorFlow's own libraries.
    unsafe { libloading::Library::new(path) }
}

/// The number of a dtype in TensorFlow's `TF_DataType`.
pub(super) fn data_type(dtype: DType) -> c_int {
    match dtype {
        DType::F32 => 1,
        DType::F64 => 2,
        DType::I32 => 3,
        DType::U8 => 4,
        DType::I16 => 5,
        DType::I8 => 6,
        DType::I64 => 9,
        DType::Bool => 10,
        DType::BF16 => 14,
        DType::U16 => 17,
        DType::F16 => 19,
        DType::U32 => 22,
        DType::U64 => 23,
    }
}

/// Numbers of things as C counts them.
pub(super) fn count(n: usize) -> Result<c_int> {
    c_int::try_from(n).map_err(|_| failure(format!("{n} are too many")))
}

/// The sizes of a shape as TensorFlow counts them.
pub(super) fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| d as i64).collect()
}

impl Api {
    /// TensorFlow's version.
    pub(super) fn version(&self) -> String {
        // SAFETY: a constant string of the library.
        unsafe { CStr::from_ptr((self.tf_version)()) }.to_string_lossy().into_owned()
    }

    /// Calls `f` with a status; what it says as an error.
    pub(super) fn checked<T>(&self, f: impl FnOnce(*mut TfStatus) -> T) -> Result<T> {
        const RESOURCE_EXHAUSTED: c_int = 8;
        // SAFETY: the status lives until it is deleted, and its message as long.
        unsafe {
            let status = (self.new_status)();
            let value = f(status);
            let code = (self.get_code)(status);
            let text =
                (code != 0).then(|| CStr::from_ptr((self.message)(status)).to_string_lossy().into_owned());
            (self.delete_status)(status);
            match text {
                None => Ok(value),
                Some(text) if code == RESOURCE_EXHAUSTED => {
                    Err(failure(text).help("there is too little memory: take smaller batches"))
                }
                Some(text) => Err(failure(text)),
            }
        }
    }
}

/// A string for C.
pub(super) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Graph("a name holds a zero byte".into()))
}

/// A session's options as bytes of the protocol buffer `ConfigProto`: so many threads within and among ops.
pub(super) fn config(threads: u32) -> Vec<u8> {
    let mut bytes = vec![];
    for field in [2u8, 5] {
        bytes.push(field << 3);
        let mut left = threads;
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any library is found to be something else.
    #[cfg(target_os = "linux")]
    #[test]
    fn another_library() {
        let library = open_library(Path::new("libc.so.6")).unwrap();
        let e = Api::load(&library).unwrap_err().to_string();
        assert!(e.starts_with("backend `tensorflow`: this TensorFlow has no `TF_Version`: "), "{e}");
        assert!(e.ends_with("help: pip install tensorflow-cpu"), "{e}");
    }

    #[test]
    fn threads_as_a_protocol_buffer() {
        assert_eq!(config(2), [0x10, 2, 0x28, 2]);
        assert_eq!(config(300), [0x10, 0xAC, 2, 0x28, 0xAC, 2]);
    }
}
