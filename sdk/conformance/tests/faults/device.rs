//! Faults of a device.

use std::sync::Mutex;

use scaledown_conformance::device::{self, reference::Reference};
use scaledown_sdk::tensor::{BinaryOp, DeviceInfo, ReduceOp, Storage, TensorData, TensorSpec, Value};
use scaledown_sdk::{Device, DeviceBackend, Op, Result};

use super::assert_found;

/// Defects of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// A difference is the other way round.
    Difference,
    /// A greatest element is a sum.
    Greatest,
    /// What a sum read is never let go.
    Keeps,
}

struct Faulty {
    fault: Fault,
    kept: Mutex<Vec<Value>>,
}

impl DeviceBackend for Faulty {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { name: "faulty".into(), ..Reference.info() }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        Reference.upload(spec, bytes)
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        Reference.read(values)
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        Reference.supports(op, inputs)
    }

    fn execute(&self, op: &Op, mut inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let mut op = op.clone();
        match (self.fault, &mut op) {
            (Fault::Difference, Op::Binary(BinaryOp::Sub)) => inputs.reverse(),
            (Fault::Greatest, Op::Reduce { op: kind @ ReduceOp::Max, .. }) => *kind = ReduceOp::Sum,
            (Fault::Keeps, Op::Affine { .. }) => self.kept.lock().unwrap().extend(inputs.iter().cloned()),
            _ => {}
        }
        Reference.execute(&op, inputs, outputs)
    }
}

#[test]
fn each_fault_is_found() {
    for (fault, check) in [
        (Fault::Difference, "binary gives the results of the reference"),
        (Fault::Greatest, "reduce gives the results of the reference"),
        (Fault::Keeps, "memory is given back"),
    ] {
        let device = Device::new(Faulty { fault, kept: Mutex::default() });
        assert_found(&device::check("a faulty device", &device), &fault, check);
    }
}
