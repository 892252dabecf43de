//! The errors of the contract crate.

use crate::tensor::{DType, TensorSpec};

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors between model code and a device.
///
/// Every case names the instruction, parameter or file at fault; [`Error::at`] adds the path of the
/// module in which it happened, outermost first (`layers.3.self_attn.q_proj`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The inputs of an instruction do not fit together.
    #[error("{op}: {message} (inputs: {})", list(inputs))]
    Invalid {
        /// The instruction's name.
        op: &'static str,
        /// The specifications of all inputs.
        inputs: Vec<TensorSpec>,
        /// The expected value.
        message: String,
    },
    /// Host data has another length or type than its specification says.
    #[error("tensor data: {0}")]
    Data(String),
    /// A tensor has another element type than the caller asked for.
    #[error("{what}: expected {expected}, found {found}")]
    DType {
        /// The operation or parameter.
        what: String,
        /// The element type that was expected.
        expected: DType,
        /// The element type that was found.
        found: DType,
    },
    /// A device failed while it ran an instruction.
    #[error("{device} cannot run {op}: {message}")]
    Device {
        /// The device's name.
        device: String,
        /// The instruction's name.
        op: &'static str,
        /// The device's own words.
        message: String,
    },
    /// A device has no room for a tensor.
    #[error("{device} is out of memory: needs {} more", size(*bytes))]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// The bytes that were asked for.
        bytes: u64,
    },
    /// An instruction made a NaN or an infinity of finite inputs, while that was [watched
    /// for](crate::tensor::watch_finite).
    #[error("{op}: the result is not finite, although the inputs are (inputs: {})", list(inputs))]
    NonFinite {
        /// The instruction's name.
        op: &'static str,
        /// The specifications of all inputs.
        inputs: Vec<TensorSpec>,
    },
    /// Two tensors of one instruction live on different devices.
    #[error("{op}: inputs live on different devices ({first} and {second})")]
    DeviceMismatch {
        /// The instruction's name.
        op: &'static str,
        /// The device of the first input.
        first: String,
        /// The device of the input that differs.
        second: String,
    },
    /// Differentiation was asked of something that has no derivative.
    #[error("autodiff: {0}")]
    Autodiff(String),
    /// Model weights are missing, superfluous, misshapen or unreadable.
    #[error("weights: {0}")]
    Weights(String),
    /// A model's or component's configuration cannot be used.
    #[error("configuration: {0}")]
    Config(String),
    /// A component was given an input that it cannot use.
    #[error("{0}")]
    Input(String),
    /// A plugin broke its contract, or failed in a way that it could not report itself.
    #[error("plugin {plugin}: {message}")]
    Plugin {
        /// The plugin's name or file.
        plugin: String,
        /// The message.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// An error inside a named module.
    #[error("in {path}: {source}")]
    At {
        /// The module's path, outermost first.
        path: String,
        /// The error.
        #[source]
        source: Box<Error>,
    },
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    match bytes as f64 {
        few if few < 1024.0 * 1024.0 => format!("{:.1} KiB", few / 1024.0),
        some if some < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", some / (1024.0 * 1024.0)),
        many => format!("{:.1} GiB", many / (1024.0 * 1024.0 * 1024.0)),
    }
}

/// The inputs of an instruction, of which one for many parameters may have thousands.
fn list(inputs: &[TensorSpec]) -> String {
    const MOST: usize = 24;
    let mut listed = inputs.iter().take(MOST).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if inputs.len() > MOST {
        listed.push_str(&format!(" and {} more", inputs.len() - MOST));
    }
    listed
}

impl Error {
    /// Prefixes the path of the module in which the error happened with `module`.
    #[must_use]
    pub fn at(self, module: impl AsRef<str>) -> Self {
        match self {
            Error::At { path, source } => Error::At { path: format!("{}.{path}", module.as_ref()), source },
            other => Error::At { path: module.as_ref().to_owned(), source: Box::new(other) },
        }
    }

    /// As a fault of `file`, the configuration of a model, where a tensor that it describes cannot
    /// be made: its sizes may be absurd.
    #[must_use]
    pub fn of_model(self, file: &std::path::Path) -> Self {
        match self.root() {
            Error::OutOfMemory { .. } | Error::Data(_) => {
                Error::Config(format!("{}: cannot create a model of these sizes: {self}", file.display()))
            }
            _ => self,
        }
    }

    /// The error itself, whatever module it happened in.
    #[must_use]
    pub fn root(&self) -> &Error {
        match self {
            Error::At { source, .. } => source.root(),
            other => other,
        }
    }

    /// An [`Error::Io`] for `path`.
    #[must_use]
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().display().to_string(), source }
    }
}

/// Adds a module path to the error of a [`Result`].
pub trait ResultExt<T> {
    /// Prefixes the path of a failing module with `module`.
    ///
    /// # Errors
    /// The error of `self`, with its path extended.
    fn at(self, module: impl AsRef<str>) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn at(self, module: impl AsRef<str>) -> Result<T> {
        self.map_err(|error| error.at(module))
    }
}
