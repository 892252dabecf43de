//! How a device behaves, whatever its configuration is called.

use std::path::PathBuf;

use scaledown_sdk::DType;

use crate::pjrt::CompileOptions;

/// What differs between devices.
#[derive(Clone, Debug)]
pub struct DeviceSettings {
    /// The plugin's name in messages.
    pub name: &'static str,
    /// Which of the client's devices it is.
    pub device: usize,
    /// The element types of the contract that it stores and computes with.
    pub dtypes: Vec<DType>,
    /// Whether integers of 64 bits are stored in 32; an upload of what does not fit is an error.
    pub narrow: bool,
    /// How modules are compiled.
    pub options: CompileOptions,
    /// What else shapes what the compiler makes, for the key of stored modules: flags in the
    /// environment.
    pub environment: String,
    /// Where compiled modules are kept from run to run, if anywhere.
    pub cache: Option<PathBuf>,
    /// Whether programs are handed over as portable bytecode instead of text.
    pub portable: bool,
    /// Bytes from which on an argument that is no longer needed is overwritten by a result.
    pub donate_from: usize,
    /// Modules above which a warning says that shapes change too often.
    pub warn_above: usize,
    /// Whether modules are compiled and nothing is run: tensors have no elements, and what is read
    /// is zero.
    pub compile_only: bool,
}

impl DeviceSettings {
    /// The settings of a device that has every type but the quantised ones.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        DeviceSettings {
            name,
            device: 0,
            dtypes: vec![DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool],
            narrow: false,
            options: CompileOptions::default(),
            environment: String::new(),
            cache: None,
            portable: false,
            donate_from: 4096,
            warn_above: 200,
            compile_only: false,
        }
    }
}
