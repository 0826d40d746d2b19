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

/// One program for the devices of these numbers, of which each computes a part; for the one that the plugin chooses if none
/// is said. `overrides` are flags of XLA and their values.
pub(super) fn compile_options(devices: &[i32], overrides: &[(&str, Flag)]) -> Vec<u8> {
    let parts = devices.len().max(1) as i64;
    // Fields: device_ordinal, num_replicas, num_partitions.
    let mut build = Message::default().number(1, -1).number(4, 1).number(5, parts);
    if parts > 1 {
        // use_spmd_partitioning.
        build = build.number(6, 1);
    }
    if !devices.is_empty() {
        // device_assignment: replica_count, computation_count, and for each part the device.
        let mut assignment = Message::default().number(1, 1).number(2, parts);
        for &device in devices {
            let mut id = Message::default();
            id.varint(device as u64);
            assignment = assignment.bytes(3, &Message::default().bytes(1, &id.0).0);
        }
        build = build.bytes(9, &assignment.0);
    }
    // allow_spmd_sharding_propagation_to_output and _to_parameters; process_count at the end.
    build = build.bytes(12, &[0]).bytes(18, &[0]);
    if parts > 1 {
        // use_shardy_partitioner.
        build = build.number(19, 1);
    }
    build = build.number(23, 1);
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

    /// The same, for the devices 0 and 3, with `use_spmd_partitioning`, `device_assignment` and `use_shardy_partitioner`.
    #[test]
    fn bytes_of_several_devices() {
        let expected = b"\x1a\x2e\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x01\x28\x02\x30\x01J\x0e\x08\x01\x10\x02\
            \x1a\x03\n\x01\x00\x1a\x03\n\x01\x03b\x01\x00\x92\x01\x01\x00\x98\x01\x01\xb8\x01\x01";
        assert_eq!(compile_options(&[0, 3], &[]), expected);
    }

    /// As jaxlib's `CompileOptions` write it, with `xla_gpu_cuda_data_dir` set to `/d`.
    #[test]
    fn bytes() {
        let expected = b"\x1a\x19\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x01\x28\x01\x62\x01\x00\x92\x01\x01\x00\
            \xb8\x01\x01:\x1d\n\x15xla_gpu_cuda_data_dir\x12\x04\n\x02/d";
        assert_eq!(compile_options(&[], &[("xla_gpu_cuda_data_dir", Flag::Text("/d".into()))]), expected);
    }
}
