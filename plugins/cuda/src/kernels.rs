//! The kernels' source, and their names.

use std::fmt::{self, Write};

/// The headers that kernels include.
pub const HEADERS: [(&str, &str); 6] = [
    ("device.h", include_str!("../kernels/device.h")),
    ("layout.h", include_str!("../kernels/layout.h")),
    ("functions.h", include_str!("../kernels/functions.h")),
    ("rows.h", include_str!("../kernels/rows.h")),
    ("attention.h", include_str!("../kernels/attention.h")),
    ("tiles.h", include_str!("../kernels/tiles.h")),
];

macro_rules! modules {
    ($($(#[doc = $doc:literal])* $module:ident = $name:literal,)*) => {
        /// A file of kernels, compiled when the first of them is launched.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Module { $($(#[doc = $doc])* $module),* }

        impl Module {
            /// All of them.
            pub const ALL: &'static [Module] = &[$(Module::$module),*];

            /// The file's name without its ending.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Module::$module => $name),* }
            }

            /// The file.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $(Module::$module => include_str!(concat!("../kernels/", $name, ".cu"))),* }
            }
        }
    };
}

modules! {
    /// Tensors out of nothing.
    Create = "create",
    /// Elements moved between layouts.
    Copy = "copy",
    /// Functions of elements.
    Elements = "elements",
    /// Conversions.
    Cast = "cast",
    /// Reductions.
    Reduce = "reduce",
    /// The greatest elements.
    Choose = "choose",
    /// Rows of tables.
    Embedding = "embedding",
    /// Softmax and cross-entropy.
    Softmax = "softmax",
    /// Normalisation.
    Norm = "norm",
    /// Rotary embedding, gates, biases, dropout.
    Blocks = "blocks",
    /// Attention on matrix units.
    AttentionForward = "attention_forward",
    /// Its gradient.
    AttentionBackward = "attention_backward",
    /// Attention without matrix units.
    AttentionPlain = "attention_plain",
    /// Sums of squares, and AdamW.
    Optimizer = "optimizer",
    /// Weights in blocks.
    Quantized = "quantized",
    /// Linear maps of few rows.
    Matvec = "matvec",
    /// Products that the library has no algorithm for.
    Product = "product",
}

/// The longest name of a kernel.
const LONGEST: usize = 48;

/// A kernel's name.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Where it stands.
    pub module: Module,
    bytes: [u8; LONGEST],
    len: usize,
}

impl Kernel {
    /// The kernel of this name.
    #[must_use]
    pub fn new(module: Module, name: fmt::Arguments<'_>) -> Self {
        let mut kernel = Kernel { module, bytes: [0; LONGEST], len: 0 };
        // A name that is too long is cut, and then names no kernel.
        let _ = kernel.write_fmt(name);
        kernel
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        std::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }
}

impl Write for Kernel {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names a kernel of a module.
macro_rules! kernel {
    ($module:ident, $($name:tt)*) => {
        $crate::kernels::Kernel::new($crate::kernels::Module::$module, format_args!($($name)*))
    };
}
pub(crate) use kernel;
