//! Shapes, indices and lengths that a component makes up: the host checks them before it uses them,
//! and the component hears of it.

use super::{MAKE, TENSOR, reranker, scored};
use scaledown_sdk::component::Reranker;

/// Runs a body that ends with an outcome of an instruction at 3000. Returns the error's text, or
/// nothing if the instruction was run.
fn outcome(imports: &str, body: &str) -> Option<String> {
    // The answer is the outcome's error, or else no scores at all.
    let body = format!(
        "{body} i32.const 3000 i32.load8_u i32.eqz (if (then i32.const 2048 return))
        i32.const 2048 i32.const 1 i32.store8 i32.const 2052 i32.const 3004 i32.load8_u i32.store8
        i32.const 2056 i32.const 3008 i32.load i32.store i32.const 2060 i32.const 3012 i32.load i32.store i32.const 2048"
    );
    let message = scored(&format!("{TENSOR}{imports}"), &body, MAKE).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    (!message.contains("returned 0 scores")).then_some(message)
}

/// A tensor of four ones, and its handle on the stack.
const FOUR: &str = "i64.const 4 call $make i32.const 3004 i32.load";

#[test]
fn slices_and_shapes_out_of_range_are_refused() {
    let slice = r#"(import "scaledown:plugin/instructions@0.2.0" "slice" (func $slice (param i32 i64 i64 i64 i32)))"#;
    let sliced = |dim: i64, start: i64, len: i64| {
        outcome(slice, &format!("{FOUR} i64.const {dim} i64.const {start} i64.const {len} i32.const 3000 call $slice"))
    };
    assert_eq!(sliced(0, 1, 3), None);
    for (dim, start, len) in
        [(1, 0, 1), (-1, 0, 1), (0, 4, 1), (0, 2, 3), (0, 5, 0), (0, -1, 2), (0, 1, -1), (0, i64::MIN, i64::MIN)]
    {
        let refusal = sliced(dim, start, len).unwrap_or_else(|| panic!("slice({dim}, {start}, {len}) was run"));
        assert!(refusal.contains("slice"), "{refusal}");
    }
    for name in ["reshape", "broadcast"] {
        let import = format!(r#"(import "scaledown:plugin/instructions@0.2.0" "{name}" (func $shaped (param i32 i32 i32 i32)))"#);
        let shaped = |extents: [i64; 2]| {
            let [first, second] = extents;
            outcome(
                &import,
                &format!(
                    "i32.const 3304 i64.const {first} i64.store i32.const 3312 i64.const {second} i64.store
                    {FOUR} i32.const 3304 i32.const 2 i32.const 3000 call $shaped"
                ),
            )
        };
        assert_eq!(shaped([1, 4]), None, "{name}");
        for extents in [[2, 3], [0, 0], [-1, 4], [1 << 62, 4], [i64::MAX, i64::MAX], [1 << 32, 1 << 32]] {
            assert!(shaped(extents).is_some(), "{name} to {extents:?} was run");
        }
    }
}

#[test]
fn indices_out_of_range_are_refused() {
    // The ids are made of bytes, so that their values are the component's.
    let imports = r#"
        (import "scaledown:plugin/instructions@0.2.0" "embedding" (func $embedding (param i32 i32 i32)))
        (import "scaledown:plugin/instructions@0.2.0" "reshape" (func $reshape (param i32 i32 i32 i32)))
        (import "scaledown:plugin/instructions@0.2.0" "top-k" (func $top (param i32 i64 i32)))
        (import "scaledown:plugin/tensor@0.2.0" "[method]tensor.to-bytes" (func $read (param i32 i32)))
        (import "scaledown:plugin/tensor@0.2.0" "[static]tensor.from-bytes" (func $bytes (param i32 i32 i32 i32 i32 i32)))"#;
    let embedded = |id: i64| {
        outcome(
            imports,
            &format!(
                "i32.const 3304 i64.const 4 i64.store i32.const 3312 i64.const 1 i64.store
                {FOUR} i32.const 3304 i32.const 2 i32.const 3000 call $reshape
                i32.const 3400 i32.const 3004 i32.load i32.store
                i32.const 3304 i64.const 1 i64.store i32.const 3312 i64.const {id} i64.store
                i32.const 4 i32.const 3304 i32.const 1 i32.const 3312 i32.const 8 i32.const 3000 call $bytes
                i32.const 3400 i32.load i32.const 3004 i32.load i32.const 3000 call $embedding
                i32.const 3000 i32.load8_u i32.eqz (if (then i32.const 3004 i32.load i32.const 3000 call $read))"
            ),
        )
    };
    assert_eq!(embedded(3), None);
    for id in [4, -1, i64::MAX, i64::MIN] {
        let refusal = embedded(id).unwrap_or_else(|| panic!("the row {id} of 4 was read"));
        assert!(refusal.contains("embedding") || refusal.contains("out of range"), "{refusal}");
    }
    let top = |k: i64| outcome(imports, &format!("{FOUR} i64.const {k} i32.const 3000 call $top"));
    assert_eq!(top(4), None);
    assert!(top(5).is_some() && top(-1).is_some());
}

#[test]
fn bytes_that_are_not_as_many_as_the_shape_says_are_refused() {
    let import =
        r#"(import "scaledown:plugin/tensor@0.2.0" "[static]tensor.from-bytes" (func $bytes (param i32 i32 i32 i32 i32 i32)))"#;
    let made = |extent: i64, length: i32| {
        let shape = format!("i32.const 3304 i64.const {extent} i64.store i32.const 1 i32.const 3304 i32.const 1");
        outcome(import, &format!("{shape} i32.const 4096 i32.const {length} i32.const 3000 call $bytes"))
    };
    assert_eq!(made(4, 16), None);
    for (extent, length) in [(4, 15), (4, 0), (1 << 62, 0), (-1, 4), (0, 4)] {
        assert!(made(extent, length).is_some(), "{extent} elements of {length} bytes");
    }
}

/// Handles of another resource, and of another instance, are none of the component's.
#[test]
fn handles_of_others_end_the_call() {
    let params = r#"
        (import "scaledown:plugin/params@0.2.0" "[method]parameter.tensor" (func $value (param i32) (result i32)))"#;
    // A tensor's handle where a parameter's is expected.
    let (_, made) = reranker(&format!("{TENSOR}{params}"), &format!("{FOUR} call $value drop unreachable"), MAKE);
    let refusal = made.unwrap().score("query", &["one"]).unwrap_err().to_string();
    assert!(refusal.contains("handle") && refusal.lines().count() == 1, "{refusal}");
    // The first instance's handle is unknown in the second.
    let (plugin, made) = reranker(TENSOR, "i64.const 4 call $make i32.const 2048", MAKE);
    made.unwrap().score("query", &["one"]).unwrap_err();
    drop(plugin);
    let (_, made) = reranker(TENSOR, "i32.const 1 call $dtype drop unreachable", MAKE);
    let refusal = made.unwrap().score("query", &["one"]).unwrap_err().to_string();
    assert!(refusal.contains("unknown handle index 1"), "{refusal}");
}
