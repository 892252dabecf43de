//! How an instruction is declared: the macro behind the table in `op.rs`, and what it makes of each
//! row.

/// The declaration of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The name in messages, traces and the plugin interface.
    pub name: &'static str,
    /// The documentation, in Markdown, a line each.
    pub doc: &'static [&'static str],
    /// Who runs it.
    pub kind: OpKind,
    /// The inputs in order, apart by spaces. `?` marks an optional input, `*` one or more, `!` one
    /// that is overwritten in place if unshared.
    pub inputs: &'static str,
    /// The outputs in order, with the same marks.
    pub outputs: &'static str,
    /// Whether gradients flow through it.
    pub gradient: Gradient,
    /// Whether a WASM component may call it.
    pub audience: Audience,
    /// The attributes in order.
    pub fields: &'static [Field],
}

/// An attribute of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The Rust type.
    pub ty: &'static str,
    /// Whether it shapes the program or may differ from run to run.
    pub class: FieldClass,
    /// The documentation.
    pub doc: &'static [&'static str],
}

/// Whether an attribute shapes the program that a device compiles.
#[allow(non_camel_case_types, reason = "the table writes them as marks before a field")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldClass {
    /// Shapes the program: another value is another program.
    fixed,
    /// A run-time scalar: a program takes it as an argument, and the same program runs with any
    /// value.
    runtime,
}

/// Who runs an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Every device must run it.
    Primitive,
    /// A device may run it as one kernel; [`decompose`](super::decompose) writes it as primitive
    /// ones for a device that does not.
    Coarse,
}

/// Whether gradients flow through an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// From its floating-point outputs to its floating-point inputs.
    Flows,
    /// None: its result is a constant to the autodiff.
    Stops,
}

/// Who may call an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everyone; the plugin interface has a function of this name.
    Everyone,
    /// The host alone: backward instructions and the optimizer.
    Host,
}

/// A run-time scalar of an instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A real number.
    F64(f64),
    /// A seed, an index or a count.
    U64(u64),
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Scalar::F64(value)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Scalar::U64(value)
    }
}

impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        Scalar::U64(value as u64)
    }
}

/// Defines the enum [`Op`](super::Op) and the functions derived from its table: names,
/// declarations, run-time scalars.
macro_rules! instructions {
    (
        $(#[$enum_meta:meta])*
        pub enum Op { $(
            $(#[doc = $doc:literal])*
            $variant:ident
            $( ( $inner:ty ) )?
            $( { $( $(#[doc = $field_doc:literal])* $class:ident $field:ident : $ty:ty ),* $(,)? } )?
            = $name:literal $kind:ident $inputs:literal -> $outputs:literal, $gradient:ident, $audience:ident;
        )* }
    ) => {
        $(#[$enum_meta])*
        pub enum Op {
            $(
                $(#[doc = $doc])*
                $variant $( ( $inner ) )? $( { $( $(#[doc = $field_doc])* $field : $ty ),* } )?,
            )*
        }

        impl Op {
            /// The declarations of all instructions, in order.
            pub const TABLE: &'static [Declaration] = &[ $( Declaration {
                name: $name,
                doc: &[ $($doc),* ],
                kind: OpKind::$kind,
                inputs: $inputs,
                outputs: $outputs,
                gradient: Gradient::$gradient,
                audience: Audience::$audience,
                fields: &[
                    $( Field { name: "", ty: stringify!($inner), class: FieldClass::fixed, doc: &[] }, )?
                    $( $( Field {
                        name: stringify!($field),
                        ty: stringify!($ty),
                        class: FieldClass::$class,
                        doc: &[ $($field_doc),* ],
                    }, )* )?
                ],
            }, )* ];

            /// The declaration of this instruction.
            #[must_use]
            pub fn declaration(&self) -> &'static Declaration {
                &Op::TABLE[Row::of(self) as usize]
            }

            /// The name, for messages and traces.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $( Op::$variant { .. } => $name, )* }
            }

            /// The run-time scalars, in the order of the table. Two instructions with one
            /// [`program`](Op::program) differ in these alone.
            #[must_use]
            #[allow(unused_variables, reason = "not every field is a scalar")]
            pub fn scalars(&self) -> Vec<Scalar> {
                match self {
                    $( instructions!(@pattern op $variant $( ( $inner ) )? $( { $($field),* } )?) => {
                        let all: &[Option<Scalar>] = &[ $( $( instructions!(@scalar $class $field) ),* )? ];
                        all.iter().flatten().copied().collect()
                    } )*
                }
            }

            /// The static part: this instruction with its run-time scalars at 0. It is what a
            /// device compiles, and equal from one step of a training to the next.
            #[must_use]
            #[allow(unused_variables, reason = "not every field is a scalar")]
            pub fn program(&self) -> Op {
                let mut program = self.clone();
                match &mut program {
                    $( instructions!(@pattern op $variant $( ( $inner ) )? $( { $($field),* } )?) => {
                        $( $( instructions!(@clear $class $field); )* )?
                    } )*
                }
                program
            }
        }

        /// The rows of the table.
        #[derive(Clone, Copy)]
        enum Row { $( $variant ),* }

        impl Row {
            const fn of(op: &Op) -> Row {
                match op { $( Op::$variant { .. } => Row::$variant, )* }
            }
        }
    };
    (@pattern $op:ident $variant:ident ( $inner:ty )) => { Op::$variant(_) };
    (@pattern $op:ident $variant:ident { $($field:ident),* }) => { Op::$variant { $($field),* } };
    (@pattern $op:ident $variant:ident) => { Op::$variant };
    (@scalar fixed $field:ident) => { None };
    (@scalar runtime $field:ident) => { Some(Scalar::from(*$field)) };
    (@clear fixed $field:ident) => {};
    (@clear runtime $field:ident) => { *$field = Default::default(); };
}

/// Makes an enum of elementary functions, and the list of them: each is a function of its own in
/// the plugin interface.
macro_rules! functions {
    (
        $(#[$enum_meta:meta])*
        pub enum $enum:ident { $( $(#[doc = $doc:literal])* $variant:ident = $name:literal ),* $(,)? }
    ) => {
        $(#[$enum_meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[allow(missing_docs, reason = "the names are the functions' own")]
        pub enum $enum { $( $(#[doc = $doc])* $variant ),* }

        impl $enum {
            /// All of them, in order.
            pub const ALL: &'static [$enum] = &[ $( $enum::$variant ),* ];

            /// The name, for messages and the plugin interface.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( $enum::$variant => $name ),* }
            }

            /// The documentation, a line each; none where the name says all.
            #[must_use]
            pub const fn doc(self) -> &'static [&'static str] {
                match self { $( $enum::$variant => &[ $($doc),* ] ),* }
            }
        }
    };
}

pub(super) use functions;
pub(super) use instructions;
