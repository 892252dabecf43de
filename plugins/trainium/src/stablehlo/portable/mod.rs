//! A function as a portable artifact: VHLO, StableHLO's versioned form, in MLIR's bytecode, of
//! StableHLO 1.0.0.
//!
//! It is the form that StableHLO keeps readable for years and that plugins without a parser of text
//! take. MLIR's documentation describes the container
//! (<https://mlir.llvm.org/docs/BytecodeFormat>), StableHLO's the dialect; only what the functions
//! here consist of is written.

mod bytes;
mod instructions;
mod tables;

use bytes::Bytes;
use instructions::Body;
use tables::{LOCATION, MODULE_NAME, Tables};

use super::function::Function;

/// MLIR's version of the container for artifacts of StableHLO 1.0.0.
const CONTAINER: u64 = 6;
const PRODUCER: &str = "StableHLO_v1.0.0";

/// The parts of an instruction, as bits of its mask.
const HAS_RESULTS: u8 = 0b10;
const HAS_OPERANDS: u8 = 0b100;
const HAS_REGIONS: u8 = 0b1_0000;
const HAS_PROPERTIES: u8 = 0b100_0000;

/// The sections of the file.
mod section {
    pub(super) const STRINGS: u8 = 0;
    pub(super) const DIALECTS: u8 = 1;
    pub(super) const ATTRIBUTES: u8 = 2;
    pub(super) const ATTRIBUTE_SIZES: u8 = 3;
    pub(super) const INSTRUCTIONS: u8 = 4;
    pub(super) const RESOURCES: u8 = 5;
    pub(super) const RESOURCE_SIZES: u8 = 6;
    pub(super) const PROPERTIES: u8 = 8;
}

/// The artifact of one function.
///
/// # Errors
/// A sentence that names an instruction that StableHLO 1.0.0 has not, or that devices of their own
/// do not run.
pub fn portable(function: &Function) -> Result<Vec<u8>, String> {
    let mut tables = Tables::new();
    let module = module(function, &mut tables)?;
    let mut file = Bytes::default();
    file.raw(b"ML\xefR");
    file.number(CONTAINER);
    file.raw(PRODUCER.as_bytes());
    file.raw(&[0]);
    file.section(section::DIALECTS, &tables.dialects());
    file.section(section::ATTRIBUTE_SIZES, &tables.sizes());
    file.section(section::ATTRIBUTES, &tables.attributes());
    file.section(section::INSTRUCTIONS, &module);
    let mut none = Bytes::default();
    none.number(0);
    file.section(section::RESOURCE_SIZES, &none);
    file.section(section::RESOURCES, &Bytes::default());
    file.section(section::STRINGS, &tables.strings());
    file.section(section::PROPERTIES, &tables.properties());
    Ok(file.into())
}

/// A block of one instruction, the module, whose region is a block of one instruction, the
/// function.
fn module(function: &Function, tables: &mut Tables) -> Result<Bytes, String> {
    let mut properties = Bytes::default();
    // The name is there; how the module is seen is not said.
    properties.flagged(MODULE_NAME, true);
    properties.number(0);
    let properties = tables.property(properties);
    let body = main(function, tables)?;
    let mut module = Bytes::default();
    module.flagged(1, false);
    module.number(0);
    module.raw(&[HAS_REGIONS | HAS_PROPERTIES]);
    module.number(LOCATION);
    module.number(properties);
    module.flagged(1, true);
    let mut region = Bytes::default();
    region.number(1);
    region.number(0);
    region.flagged(1, false);
    region.append(&body);
    module.section(section::INSTRUCTIONS, &region);
    Ok(module)
}

/// The function `main`.
fn main(function: &Function, tables: &mut Tables) -> Result<Bytes, String> {
    let inputs: Vec<u64> = function.arguments.iter().map(|argument| tables.ty(function.ty(argument.id))).collect();
    let outputs: Vec<u64> = function.results.iter().map(|&id| tables.ty(function.ty(id))).collect();
    let gives: Vec<Option<usize>> = function.arguments.iter().map(|argument| argument.gives).collect();
    let mut properties = Bytes::default();
    let given = tables.argument_attributes(&gives);
    let ty = tables.function_type(&inputs, &outputs);
    let nothing = tables.array(&[]);
    let (name, public) = (tables.text("main"), tables.text("public"));
    [given, ty, nothing, name, public].into_iter().for_each(|attribute| properties.number(attribute));
    let properties = tables.property(properties);
    let body = Body::new(function, tables)?;
    let mut main = Bytes::default();
    main.number(tables.operation("func_v1"));
    main.raw(&[HAS_REGIONS | HAS_PROPERTIES]);
    main.number(LOCATION);
    main.number(properties);
    main.flagged(1, true);
    main.section(section::INSTRUCTIONS, &body.region(&inputs));
    Ok(main)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stablehlo::{ElementType, FunctionBuilder, Unary};

    #[test]
    fn an_artifact_names_its_version_and_what_it_uses() {
        let mut builder = FunctionBuilder::default();
        let x = builder.argument(ElementType::F32, &[2, 3]);
        let y = builder.unary(Unary::Tanh, x);
        let bytes = portable(&builder.finish(vec![y], &[(0, 0)])).unwrap();
        assert!(bytes.starts_with(b"ML\xefR\x0dStableHLO_v1.0.0\0"));
        let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(holds("vhlo") && holds("tanh_v1") && holds("tf.aliasing_output"));
        assert!(!holds("add_v1"));
    }

    #[test]
    fn what_it_cannot_say_is_an_error() {
        let mut builder = FunctionBuilder::default();
        let x = builder.argument(ElementType::F64, &[]);
        let y = builder.unary(Unary::Erf, x);
        assert!(portable(&builder.finish(vec![y], &[])).unwrap_err().contains("erf"));
    }
}
