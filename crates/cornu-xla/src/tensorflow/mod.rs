//! TensorFlow by its C API.
