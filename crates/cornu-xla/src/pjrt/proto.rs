//! The compile options, as XLA's `CompileOptionsProto`: the few fields that are not at their defaults.

/// Bytes of a protocol buffer message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: i64) -> Message {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }
}

/// The value of a flag of XLA.
pub(super) enum Flag {
    Text(String),
    Bool(bool),
}

/// One program for one device, which the plugin chooses; `overrides` are flags of XLA and their values.
pub(super) fn compile_options(overrides: &[(&str, Flag)]) -> Vec<u8> {
    // Fields: device_ordinal, num_replicas, num_partitions, allow_spmd_sharding_propagation_to_output and _to_parameters,
    // process_count.
    let build = Message::default()
        .number(1, -1)
        .number(4, 1)
        .number(5, 1)
        .bytes(12, &[0])
        .bytes(18, &[0])
        .number(23, 1);
    let mut options = Message::default().bytes(3, &build.0);
    for (name, value) in overrides {
        // An entry of the map env_option_overrides: the name, and a message whose field 1 is a string and 2 a bool.
        let value = match value {
            Flag::Text(text) => Message::default().bytes(1, text.as_bytes()),
            Flag::Bool(on) => Message::default().number(2, i64::from(*on)),
        };
        let entry = Message::default().bytes(1, name.as_bytes()).bytes(2, &value.0);
        options = options.bytes(7, &entry.0);
    }
    options.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As jaxlib's `CompileOptions` write it, with `xla_gpu_cuda_data_dir` set to `/d`.
    #[test]
    fn bytes() {
        let expected = b"\x1a\x19\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x01\x28\x01\x62\x01\x00\x92\x01\x01\x00\
            \xb8\x01\x01:\x1d\n\x15xla_gpu_cuda_data_dir\x12\x04\n\x02/d";
        assert_eq!(compile_options(&[("xla_gpu_cuda_data_dir", Flag::Text("/d".into()))]), expected);
    }
}
