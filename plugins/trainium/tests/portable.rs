//! Programs as portable artifacts: each computes what the same program as text does.

mod common;

use common::programs::{cases, program};
use scaledown_sdk::tensor::uniform_bits;
use scaledown_trainium::pjrt::{Api, Buffer, BufferType, Client, CompileOptions, Download};
use scaledown_trainium::stablehlo::{ElementType, Function, Numbers, Type, portable, text};

fn buffer_type(element: ElementType) -> BufferType {
    match element {
        ElementType::F64 => BufferType::F64,
        ElementType::F32 => BufferType::F32,
        ElementType::Bf16 => BufferType::Bf16,
        ElementType::F16 => BufferType::F16,
        ElementType::I64 => BufferType::S64,
        ElementType::I32 => BufferType::S32,
        ElementType::Ui32 => BufferType::U32,
        ElementType::I1 => BufferType::Pred,
    }
}

/// Small numbers, the same each time.
fn elements(ty: &Type, seed: u64) -> Vec<u8> {
    let number = |i: u64| {
        let unit = f64::from(uniform_bits(seed, i)) / f64::from(1 << 24);
        if ty.element.is_float() { unit * 4.0 - 1.0 } else { (unit * 3.0).floor() }
    };
    let bits = (0..ty.count() as u64).flat_map(|i| ty.element.bits(number(i)).to_le_bytes()[..ty.element.size()].to_vec());
    bits.collect()
}

/// The bytes of the results of a program.
fn run(code: &[u8], function: &Function, numbers: &Numbers, client: &std::sync::Arc<Client>) -> Vec<Vec<u8>> {
    let executable = client.compile(code, &CompileOptions::default()).expect("a module");
    let taken = [
        numbers.words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>(),
        numbers.singles.iter().flat_map(|number| number.to_le_bytes()).collect(),
    ];
    let mut taken = taken.into_iter().filter(|bytes| !bytes.is_empty());
    let numbers_from = function.arguments.len() - taken.clone().count();
    let upload = |(index, argument): (usize, &scaledown_trainium::stablehlo::Argument)| {
        let ty = function.ty(argument.id);
        let bytes = if index < numbers_from { elements(ty, index as u64) } else { taken.next().expect("numbers") };
        client.upload(0, buffer_type(ty.element), &ty.dims, &bytes).expect("a buffer")
    };
    let arguments: Vec<Buffer> = function.arguments.iter().enumerate().map(upload).collect();
    let (outputs, running) = executable.run(&arguments.iter().collect::<Vec<_>>()).expect("a run");
    running.wait().expect("results");
    let size = |ty: &Type| ty.count() * ty.element.size();
    let sizes = function.results.iter().map(|&id| size(function.ty(id)));
    outputs.iter().zip(sizes).map(|(output, size)| output.download(size).and_then(Download::wait).expect("elements")).collect()
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn every_instruction_computes_the_same_as_bytecode_and_as_text() {
    let client = Client::new(Api::load(&common::library()).expect("a plugin")).expect("a client");
    let mut compared = 0;
    for (name, cases) in cases() {
        for (op, inputs) in cases {
            let (function, numbers) = program(&op, &inputs, true);
            let code = portable(&function).unwrap_or_else(|error| panic!("{name}: {error}"));
            let found = run(&code, &function, &numbers, &client);
            assert_eq!(found, run(text(&function).as_bytes(), &function, &numbers, &client), "{op:?}");
            compared += 1;
        }
    }
    assert!(compared > 70, "only {compared} programs");
}
