//! What the instructions of an artifact refer to by number: strings, types, attributes, names of
//! instructions, properties.

use std::collections::HashMap;
use std::hash::Hash;

use super::bytes::Bytes;
use crate::stablehlo::{ElementType, Type};

/// The attribute for an unknown source location.
pub(super) const LOCATION: u64 = 0;
/// The attribute that is the module's name.
pub(super) const MODULE_NAME: u64 = 1;
/// The attributes of MLIR's own dialect.
const BUILTIN: u64 = 2;

/// Codes of attributes: of MLIR's own dialect, and of VHLO.
mod code {
    pub(super) const BUILTIN_STRING: u64 = 2;
    pub(super) const UNKNOWN_LOCATION: u64 = 15;
    pub(super) const ARRAY: u64 = 1;
    pub(super) const BOOLEAN: u64 = 2;
    pub(super) const DICTIONARY: u64 = 6;
    pub(super) const INTEGER: u64 = 9;
    pub(super) const STRING: u64 = 14;
    pub(super) const TENSOR: u64 = 15;
    pub(super) const TYPE: u64 = 17;
    pub(super) const FUNCTION_TYPE: u64 = 8;
    pub(super) const TENSOR_TYPE: u64 = 20;
}

/// The code of an element type in VHLO.
fn element_code(element: ElementType) -> u64 {
    match element {
        ElementType::I1 => 0,
        ElementType::Bf16 => 2,
        ElementType::F16 => 3,
        ElementType::F32 => 4,
        ElementType::F64 => 5,
        ElementType::I32 => 13,
        ElementType::I64 => 14,
        ElementType::Ui32 => 18,
    }
}

/// Things that are numbered in the order in which they come up.
struct Numbered<T> {
    all: Vec<T>,
    known: HashMap<T, u64>,
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn new() -> Self {
        Numbered { all: Vec::new(), known: HashMap::new() }
    }

    fn number(&mut self, one: T) -> u64 {
        if let Some(&number) = self.known.get(&one) {
            return number;
        }
        let number = self.all.len() as u64;
        self.all.push(one.clone());
        self.known.insert(one, number);
        number
    }
}

/// All of them.
pub(super) struct Tables {
    strings: Numbered<String>,
    types: Numbered<Bytes>,
    attributes: Numbered<Bytes>,
    operations: Numbered<&'static str>,
    properties: Numbered<Bytes>,
}

impl Tables {
    pub(super) fn new() -> Self {
        let mut strings = Numbered::new();
        // The dialects, the one instruction of MLIR's own, and the module's name.
        for name in ["builtin", "vhlo", "module", "scaledown"] {
            strings.number(name.to_owned());
        }
        Tables {
            strings,
            types: Numbered::new(),
            attributes: Numbered::new(),
            operations: Numbered::new(),
            properties: Numbered::new(),
        }
    }

    /// The number of an instruction of VHLO, with its version.
    pub(super) fn operation(&mut self, name: &'static str) -> u64 {
        self.strings.number(name.to_owned());
        // The module is the first.
        self.operations.number(name) + 1
    }

    pub(super) fn property(&mut self, properties: Bytes) -> u64 {
        self.properties.number(properties)
    }

    fn attribute(&mut self, code: u64, rest: impl FnOnce(&mut Bytes)) -> u64 {
        let mut bytes = Bytes::default();
        bytes.number(code);
        rest(&mut bytes);
        BUILTIN + self.attributes.number(bytes)
    }

    fn element(&mut self, element: ElementType) -> u64 {
        let mut bytes = Bytes::default();
        bytes.number(element_code(element));
        self.types.number(bytes)
    }

    /// The type of a tensor.
    pub(super) fn ty(&mut self, ty: &Type) -> u64 {
        let element = self.element(ty.element);
        let mut bytes = Bytes::default();
        bytes.number(code::TENSOR_TYPE);
        bytes.number(ty.dims.len() as u64);
        ty.dims.iter().for_each(|&dim| bytes.signed(dim as i64));
        bytes.number(element);
        self.types.number(bytes)
    }

    /// An attribute that is the type of a function.
    pub(super) fn function_type(&mut self, inputs: &[u64], outputs: &[u64]) -> u64 {
        let mut bytes = Bytes::default();
        bytes.number(code::FUNCTION_TYPE);
        for types in [inputs, outputs] {
            bytes.number(types.len() as u64);
            types.iter().for_each(|&ty| bytes.number(ty));
        }
        let ty = self.types.number(bytes);
        self.attribute(code::TYPE, |bytes| bytes.number(ty))
    }

    pub(super) fn text(&mut self, text: &str) -> u64 {
        let string = self.strings.number(text.to_owned());
        self.attribute(code::STRING, |bytes| bytes.number(string))
    }

    pub(super) fn flag(&mut self, flag: bool) -> u64 {
        self.attribute(code::BOOLEAN, |bytes| bytes.number(u64::from(flag)))
    }

    /// One of an enumeration's cases.
    pub(super) fn case(&mut self, code: u64, case: u64) -> u64 {
        self.attribute(code, |bytes| bytes.number(case))
    }

    fn integer(&mut self, element: ElementType, value: i64) -> u64 {
        let ty = self.element(element);
        self.attribute(code::INTEGER, |bytes| {
            bytes.number(ty);
            bytes.signed(value);
        })
    }

    /// A dimension or an index.
    pub(super) fn index(&mut self, value: usize) -> u64 {
        self.integer(ElementType::I64, value as i64)
    }

    pub(super) fn array(&mut self, attributes: &[u64]) -> u64 {
        self.attribute(code::ARRAY, |bytes| {
            bytes.number(attributes.len() as u64);
            attributes.iter().for_each(|&attribute| bytes.number(attribute));
        })
    }

    /// Dimensions or indices.
    pub(super) fn indices(&mut self, values: &[usize]) -> u64 {
        let ty = self.ty(&Type::new(ElementType::I64, &[values.len()]));
        // A tensor of equal elements is stored as one of them.
        let equal = values.windows(2).all(|pair| pair[0] == pair[1]);
        let stored = if equal { &values[..values.len().min(1)] } else { values };
        let data: Vec<u8> = stored.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect();
        self.attribute(code::TENSOR, |bytes| {
            bytes.number(ty);
            bytes.blob(&data);
        })
    }

    /// A tensor of one value, or of none.
    pub(super) fn constant(&mut self, ty: &Type, value: u64) -> u64 {
        let number = self.ty(ty);
        let data = &value.to_le_bytes()[..ty.element.size()];
        let data = if ty.count() == 0 { &[] } else { data };
        self.attribute(code::TENSOR, |bytes| {
            bytes.number(number);
            bytes.blob(data);
        })
    }

    /// Which result takes the memory of each argument.
    pub(super) fn argument_attributes(&mut self, gives: &[Option<usize>]) -> u64 {
        if gives.iter().all(Option::is_none) {
            return self.array(&[]);
        }
        let mut each = Vec::with_capacity(gives.len());
        for result in gives {
            let pair = result.map(|result| (self.text("tf.aliasing_output"), self.integer(ElementType::I32, result as i64)));
            each.push(self.attribute(code::DICTIONARY, |bytes| {
                bytes.number(u64::from(pair.is_some()));
                if let Some((name, value)) = pair {
                    bytes.number(name);
                    bytes.number(value);
                }
            }));
        }
        self.array(&each)
    }

    /// The dialects, and the instructions of each that are used.
    pub(super) fn dialects(&self) -> Bytes {
        let mut bytes = Bytes::default();
        let name = |name: &str| self.strings.known.get(name).copied().unwrap_or(0);
        bytes.number(2);
        bytes.flagged(name("builtin"), false);
        bytes.flagged(name("vhlo"), false);
        bytes.number(self.operations.all.len() as u64 + 1);
        bytes.number(0);
        bytes.number(1);
        bytes.flagged(name("module"), true);
        bytes.number(1);
        bytes.number(self.operations.all.len() as u64);
        self.operations.all.iter().for_each(|operation| bytes.flagged(name(operation), true));
        bytes
    }

    fn builtin(&self) -> [Bytes; BUILTIN as usize] {
        let (mut location, mut name) = (Bytes::default(), Bytes::default());
        location.number(code::UNKNOWN_LOCATION);
        name.number(code::BUILTIN_STRING);
        name.number(self.strings.known.get("scaledown").copied().unwrap_or(0));
        [location, name]
    }

    /// How long each attribute and type is.
    pub(super) fn sizes(&self) -> Bytes {
        let mut bytes = Bytes::default();
        bytes.number(BUILTIN + self.attributes.all.len() as u64);
        bytes.number(self.types.all.len() as u64);
        for (dialect, entries) in [(0, &self.builtin()[..]), (1, &self.attributes.all), (1, &self.types.all)] {
            bytes.number(dialect);
            bytes.number(entries.len() as u64);
            entries.iter().for_each(|entry| bytes.flagged(entry.len(), true));
        }
        bytes
    }

    /// Attributes, and then types.
    pub(super) fn attributes(&self) -> Bytes {
        let mut bytes = Bytes::default();
        self.builtin().iter().for_each(|entry| bytes.append(entry));
        self.attributes.all.iter().chain(&self.types.all).for_each(|entry| bytes.append(entry));
        bytes
    }

    /// Lengths, the last first, and then the strings, each with a zero behind it.
    pub(super) fn strings(&self) -> Bytes {
        let mut bytes = Bytes::default();
        bytes.number(self.strings.all.len() as u64);
        self.strings.all.iter().rev().for_each(|string| bytes.number(string.len() as u64 + 1));
        for string in &self.strings.all {
            bytes.raw(string.as_bytes());
            bytes.raw(&[0]);
        }
        bytes
    }

    pub(super) fn properties(&self) -> Bytes {
        let mut bytes = Bytes::default();
        bytes.number(self.properties.all.len() as u64);
        self.properties.all.iter().for_each(|properties| bytes.blob(properties.as_slice()));
        bytes
    }
}
