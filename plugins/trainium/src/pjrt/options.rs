//! The options of a compilation, as the plugin reads them: a `CompileOptionsProto` in protobuf's
//! wire format.

use std::collections::BTreeMap;

/// A compiler option's value.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// A switch.
    Flag(bool),
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// What a module is compiled for.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileOptions {
    /// The compiler's own options, by name, as `XLA_FLAGS` has them.
    pub flags: BTreeMap<String, OptionValue>,
    /// The global ids of the devices that run it together, one replica each; none leaves the choice
    /// to the plugin.
    pub devices: Vec<i64>,
    /// The number of replicas.
    pub replicas: usize,
}

impl Default for CompileOptions {
    fn default() -> Self {
        CompileOptions { flags: BTreeMap::new(), devices: Vec::new(), replicas: 1 }
    }
}

impl CompileOptions {
    /// The options as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // ExecutableBuildOptionsProto: num_replicas = 4, num_partitions = 5, device_assignment = 9.
        let mut build = Vec::new();
        integer(&mut build, 4, self.replicas as i64);
        integer(&mut build, 5, 1);
        if !self.devices.is_empty() {
            // DeviceAssignmentProto: replica_count = 1, computation_count = 2, computation_devices
            // = 3 { replica_device_ids = 1 }.
            let (mut assignment, mut ids) = (Vec::new(), Vec::new());
            integer(&mut assignment, 1, self.replicas as i64);
            integer(&mut assignment, 2, 1);
            self.devices.iter().for_each(|&id| integer(&mut ids, 1, id));
            bytes(&mut assignment, 3, &ids);
            bytes(&mut build, 9, &assignment);
        }
        // CompileOptionsProto: executable_build_options = 3, env_option_overrides = 7, a map.
        let mut options = Vec::new();
        bytes(&mut options, 3, &build);
        for (name, value) in &self.flags {
            let (mut entry, mut overridden) = (Vec::new(), Vec::new());
            match value {
                OptionValue::Text(text) => bytes(&mut overridden, 1, text.as_bytes()),
                OptionValue::Flag(flag) => integer(&mut overridden, 2, i64::from(*flag)),
                OptionValue::Integer(number) => integer(&mut overridden, 3, *number),
                OptionValue::Number(number) => {
                    tag(&mut overridden, 4, 1);
                    overridden.extend(number.to_le_bytes());
                }
            }
            bytes(&mut entry, 1, name.as_bytes());
            bytes(&mut entry, 2, &overridden);
            bytes(&mut options, 7, &entry);
        }
        options
    }
}

fn tag(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn integer(out: &mut Vec<u8>, field: u64, value: i64) {
    tag(out, field, 0);
    varint(out, value as u64);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_protobuf() {
        assert_eq!(CompileOptions::default().encode(), [0x1a, 4, 0x20, 1, 0x28, 1]);
        let mut options = CompileOptions { devices: vec![0, 300], replicas: 2, ..CompileOptions::default() };
        options.flags.insert("a".into(), OptionValue::Flag(true));
        let assignment = [0x4a, 11, 0x08, 2, 0x10, 1, 0x1a, 5, 0x08, 0, 0x08, 0xac, 0x02];
        let flag = [0x3a, 7, 0x0a, 1, b'a', 0x12, 2, 0x10, 1];
        let expected = [&[0x1a, 17, 0x20, 2, 0x28, 1][..], &assignment, &flag].concat();
        assert_eq!(options.encode(), expected);
    }
}
