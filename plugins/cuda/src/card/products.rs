//! Matrix products by cuBLASLt: the algorithm for a shape is chosen once and kept, since the
//! library's choice may change with the memory that is free, and with it the last bits of results.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

use parking_lot::Mutex;
use scaledown_sdk::DType;

use super::Shared;
use super::context::Context;
use crate::driver::{Matrix, Product, ProductShape};
use crate::error::{CudaError, Result};
use crate::libraries::cublaslt::{CublasLt, Heuristic, LtHandle, number};

/// Scratch memory of products.
const WORKSPACE: usize = 32 << 20;
/// The most that addresses are looked at for.
const ALIGNMENT: u64 = 256;

/// What the choice of an algorithm depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    shape: ProductShape,
    /// How the addresses of both factors, the result and the bias are aligned.
    alignments: [u32; 4],
}

/// A product that can be run: descriptors, and the algorithm.
struct Plan {
    description: Shared,
    a: Shared,
    b: Shared,
    d: Shared,
    algorithm: [u64; 8],
    workspace: usize,
}

/// Runs products.
pub(super) struct Products {
    blas: CublasLt,
    context: Arc<Context>,
    handle: Shared,
    workspace: u64,
    plans: Mutex<HashMap<Key, Plan>>,
}

impl Products {
    pub(super) fn new(blas: CublasLt, context: Arc<Context>) -> Result<Self> {
        let cuda = context.enter()?;
        let (mut handle, mut workspace) = (std::ptr::null_mut(), 0);
        // SAFETY: pointers are to values that live on.
        unsafe {
            let code = (blas.cublasLtCreate)(&mut handle);
            if code != 0 {
                return Err(failed("cublasLtCreate", code, "any".into()));
            }
            let code = (cuda.cuMemAllocAsync)(&mut workspace, WORKSPACE, context.stream);
            cuda.check("cuMemAllocAsync", code)?;
        }
        Ok(Products { blas, context, handle: Shared(handle), workspace, plans: Mutex::default() })
    }

    pub(super) fn multiply(&self, product: &Product) -> Result<()> {
        self.context.enter()?;
        let align = |address: u64| if address == 0 { ALIGNMENT } else { ALIGNMENT.min(1 << address.trailing_zeros()) } as u32;
        let key = Key { shape: product.shape, alignments: [product.a, product.b, product.d, product.bias].map(align) };
        let mut plans = self.plans.lock();
        let plan = match plans.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(plan(&self.blas, self.handle.0, &key)?),
        };
        let (alpha, beta) = (product.alpha, if product.shape.accumulate { 1.0_f32 } else { 0.0 });
        let pointer = |address: u64| address as *const c_void;
        if product.shape.bias {
            set(&self.blas, plan.description.0, number::DESC_BIAS_POINTER, &product.bias)?;
        }
        // The library's matrices are stored column by column: its result is ours exchanged, and so
        // are the factors. SAFETY: the descriptors are of these matrices, and the addresses are of
        // as many elements.
        let code = unsafe {
            (self.blas.cublasLtMatmul)(
                self.handle.0,
                plan.description.0,
                (&raw const alpha).cast(),
                pointer(product.b),
                plan.b.0,
                pointer(product.a),
                plan.a.0,
                (&raw const beta).cast(),
                pointer(product.d),
                plan.d.0,
                product.d as *mut c_void,
                plan.d.0,
                &plan.algorithm,
                self.workspace as *mut c_void,
                plan.workspace,
                self.context.stream,
            )
        };
        if code == 0 { Ok(()) } else { Err(failed("cublasLtMatmul", code, describe(&product.shape))) }
    }
}

impl Drop for Products {
    fn drop(&mut self) {
        if self.context.synchronize().is_ok()
            && let Ok(cuda) = self.context.enter()
        {
            // SAFETY: nothing runs any more, and the handles are not used again.
            unsafe {
                for (_, plan) in self.plans.lock().drain() {
                    (self.blas.cublasLtMatmulDescDestroy)(plan.description.0);
                    [plan.a, plan.b, plan.d].iter().for_each(|layout| {
                        (self.blas.cublasLtMatrixLayoutDestroy)(layout.0);
                    });
                }
                (cuda.cuMemFreeAsync)(self.workspace, self.context.stream);
                (self.blas.cublasLtDestroy)(self.handle.0);
            }
        }
    }
}

/// Sets an attribute of a product.
fn set<T>(blas: &CublasLt, description: LtHandle, attribute: c_int, value: &T) -> Result<()> {
    // SAFETY: the value is of the attribute's type, whose size is passed along.
    let code =
        unsafe { (blas.cublasLtMatmulDescSetAttribute)(description, attribute, (&raw const *value).cast(), size_of::<T>()) };
    if code == 0 { Ok(()) } else { Err(failed("cublasLtMatmulDescSetAttribute", code, format!("attribute {attribute}"))) }
}

/// The number of an element type.
fn data_type(dtype: DType) -> Result<c_int> {
    match dtype {
        DType::F32 => Ok(number::R_32F),
        DType::F16 => Ok(number::R_16F),
        DType::BF16 => Ok(number::R_16BF),
        other => Err(CudaError::Unsupported(format!("there is no product of {other}"))),
    }
}

/// Describes a product to the library: its attributes, and the layouts of both factors and the
/// result.
fn descriptors(blas: &CublasLt, shape: &ProductShape) -> Result<[LtHandle; 4]> {
    let mut description = std::ptr::null_mut();
    // SAFETY: the pointer is to a handle that lives on.
    let code = unsafe { (blas.cublasLtMatmulDescCreate)(&mut description, number::COMPUTE_32F, number::R_32F) };
    if code != 0 {
        return Err(failed("cublasLtMatmulDescCreate", code, describe(shape)));
    }
    // Stored row by row, a matrix is its own transpose column by column.
    let transposed = |matrix: &Matrix| c_int::from(matrix.transposed);
    set(blas, description, number::DESC_TRANSA, &transposed(&shape.b))?;
    set(blas, description, number::DESC_TRANSB, &transposed(&shape.a))?;
    if shape.bias {
        set(blas, description, number::DESC_EPILOGUE, &number::EPILOGUE_BIAS)?;
        set(blas, description, number::DESC_BIAS_DATA_TYPE, &data_type(shape.d.dtype)?)?;
    }
    let a = layout(blas, &shape.a, (shape.m, shape.k), shape.batch)?;
    let b = layout(blas, &shape.b, (shape.k, shape.n), shape.batch)?;
    let d = layout(blas, &shape.d, (shape.m, shape.n), shape.batch)?;
    Ok([description, a, b, d])
}

fn layout(blas: &CublasLt, matrix: &Matrix, (rows, columns): (usize, usize), batch: usize) -> Result<LtHandle> {
    // As the library sees it: our rows are its columns.
    let (rows, columns) = if matrix.transposed { (rows, columns) } else { (columns, rows) };
    let mut layout = std::ptr::null_mut();
    let failed = |call, code| failed(call, code, format!("a matrix of {rows} x {columns}"));
    // SAFETY: pointers are to values that live on, of the attributes' types.
    unsafe {
        let kind = data_type(matrix.dtype)?;
        let code = (blas.cublasLtMatrixLayoutCreate)(&mut layout, kind, rows as u64, columns as u64, rows as i64);
        if code != 0 {
            return Err(failed("cublasLtMatrixLayoutCreate", code));
        }
        if batch > 1 {
            let (count, stride) = (batch as i32, matrix.batch_stride as i64);
            let attributes: [(c_int, *const c_void, usize); 2] = [
                (number::LAYOUT_BATCH_COUNT, (&raw const count).cast(), size_of::<i32>()),
                (number::LAYOUT_STRIDED_BATCH_OFFSET, (&raw const stride).cast(), size_of::<i64>()),
            ];
            for (attribute, value, size) in attributes {
                let code = (blas.cublasLtMatrixLayoutSetAttribute)(layout, attribute, value, size);
                if code != 0 {
                    return Err(failed("cublasLtMatrixLayoutSetAttribute", code));
                }
            }
        }
    }
    Ok(layout)
}

/// Chooses an algorithm.
fn plan(blas: &CublasLt, handle: LtHandle, key: &Key) -> Result<Plan> {
    let [description, a, b, d] = descriptors(blas, &key.shape)?;
    let preference = preference(blas, key.alignments)?;
    let (mut heuristic, mut found) = (Heuristic::default(), 0);
    // SAFETY: handles are of this library, and there is room for the one result that is asked for.
    let code = unsafe {
        let code =
            (blas.cublasLtMatmulAlgoGetHeuristic)(handle, description, b, a, d, d, preference, 1, &mut heuristic, &mut found);
        (blas.cublasLtMatmulPreferenceDestroy)(preference);
        code
    };
    if code != 0 || found == 0 || heuristic.state != 0 {
        // SAFETY: the handles were made here, and are not used again.
        unsafe {
            (blas.cublasLtMatmulDescDestroy)(description);
            [a, b, d].into_iter().for_each(|layout| {
                (blas.cublasLtMatrixLayoutDestroy)(layout);
            });
        }
        return Err(failed("cublasLtMatmulAlgoGetHeuristic", code.max(heuristic.state), describe(&key.shape)));
    }
    Ok(Plan {
        description: Shared(description),
        a: Shared(a),
        b: Shared(b),
        d: Shared(d),
        algorithm: heuristic.algorithm,
        workspace: heuristic.workspace,
    })
}

/// What an algorithm may need. The library's first factor is our second.
fn preference(blas: &CublasLt, [a, b, d, _]: [u32; 4]) -> Result<LtHandle> {
    let (mut preference, workspace) = (std::ptr::null_mut(), WORKSPACE);
    // SAFETY: pointers are to values that live on, of the attributes' types.
    unsafe {
        let mut code = (blas.cublasLtMatmulPreferenceCreate)(&mut preference);
        let numbers: [(c_int, u32); 5] = [
            // Parts of a sum are added up in f32, and not rounded to the type of the result first.
            (number::PREF_REDUCTION_SCHEME_MASK, number::REDUCTION_SCHEME_COMPUTE_TYPE),
            (number::PREF_MIN_ALIGNMENT_A_BYTES, b),
            (number::PREF_MIN_ALIGNMENT_B_BYTES, a),
            (number::PREF_MIN_ALIGNMENT_C_BYTES, d),
            (number::PREF_MIN_ALIGNMENT_D_BYTES, d),
        ];
        for (attribute, value) in numbers {
            if code == 0 {
                let value = (&raw const value).cast();
                code = (blas.cublasLtMatmulPreferenceSetAttribute)(preference, attribute, value, size_of::<u32>());
            }
        }
        if code == 0 {
            let (attribute, value) = (number::PREF_MAX_WORKSPACE_BYTES, (&raw const workspace).cast());
            code = (blas.cublasLtMatmulPreferenceSetAttribute)(preference, attribute, value, size_of::<usize>());
        }
        if code == 0 { Ok(preference) } else { Err(failed("cublasLtMatmulPreferenceSetAttribute", code, "any".into())) }
    }
}

fn failed(call: &'static str, code: c_int, product: String) -> CudaError {
    CudaError::Product { call, code, product }
}

/// A product in words.
fn describe(shape: &ProductShape) -> String {
    let ProductShape { m, n, k, batch, a, b, d, bias, accumulate } = shape;
    let turned = |matrix: &Matrix| if matrix.transposed { "^T" } else { "" };
    let more = [(*bias, " + bias"), (*accumulate, " + itself")];
    let more: String = more.into_iter().filter_map(|(has, text)| has.then_some(text)).collect();
    format!("{batch} x [{m}, {k}]{} [{k}, {n}]{} in {}{more}", turned(a), turned(b), d.dtype)
}

/// Describes a product to the library as one that is run would be, and reads back what it
/// understood. It needs no card.
///
/// # Errors
/// If the library refuses an attribute, or understood another.
pub fn check_description(blas: &CublasLt, shape: &ProductShape) -> Result<()> {
    let [description, a, b, d] = descriptors(blas, shape)?;
    let checked = read_back(blas, shape, [description, a, b, d]);
    let preference = preference(blas, [16, 2, 256, 4])?;
    // SAFETY: the handles were made here, and are not used again.
    unsafe {
        (blas.cublasLtMatmulPreferenceDestroy)(preference);
        (blas.cublasLtMatmulDescDestroy)(description);
        [a, b, d].into_iter().for_each(|layout| {
            (blas.cublasLtMatrixLayoutDestroy)(layout);
        });
    }
    checked
}

fn read_back(blas: &CublasLt, shape: &ProductShape, [description, a, b, d]: [LtHandle; 4]) -> Result<()> {
    let same = |what: &str, found: i64, expected: i64| match found == expected {
        true => Ok(()),
        false => Err(failed("cublasLtMatmulDescGetAttribute", 0, format!("{what}: {found}, expected {expected}"))),
    };
    let of_product = |attribute: c_int| {
        let (mut value, mut written) = (0_i32, 0);
        let buffer = (&raw mut value).cast();
        // SAFETY: the buffer has the size that is given.
        let code =
            unsafe { (blas.cublasLtMatmulDescGetAttribute)(description, attribute, buffer, size_of::<i32>(), &mut written) };
        if code == 0 { Ok(i64::from(value)) } else { Err(failed("cublasLtMatmulDescGetAttribute", code, attribute.to_string())) }
    };
    let of_layout = |layout: LtHandle, attribute: c_int, size: usize| {
        let (mut value, mut written) = (0_i64, 0);
        let buffer = (&raw mut value).cast();
        // SAFETY: the buffer has at least the size that is given, and is little-endian.
        let code = unsafe { (blas.cublasLtMatrixLayoutGetAttribute)(layout, attribute, buffer, size, &mut written) };
        if code == 0 { Ok(value) } else { Err(failed("cublasLtMatrixLayoutGetAttribute", code, attribute.to_string())) }
    };
    same("the first factor's transposition", of_product(number::DESC_TRANSA)?, i64::from(shape.b.transposed))?;
    same("the second factor's transposition", of_product(number::DESC_TRANSB)?, i64::from(shape.a.transposed))?;
    if shape.bias {
        same("the epilogue", of_product(number::DESC_EPILOGUE)?, i64::from(number::EPILOGUE_BIAS))?;
        same("the bias' type", of_product(number::DESC_BIAS_DATA_TYPE)?, i64::from(data_type(shape.d.dtype)?))?;
    }
    for (layout, matrix, (rows, columns)) in
        [(a, &shape.a, (shape.m, shape.k)), (b, &shape.b, (shape.k, shape.n)), (d, &shape.d, (shape.m, shape.n))]
    {
        let (rows, columns) = if matrix.transposed { (rows, columns) } else { (columns, rows) };
        same("the element type", of_layout(layout, number::LAYOUT_TYPE, 4)?, i64::from(data_type(matrix.dtype)?))?;
        same("the rows", of_layout(layout, number::LAYOUT_ROWS, 8)?, rows as i64)?;
        same("the columns", of_layout(layout, number::LAYOUT_COLS, 8)?, columns as i64)?;
        same("the leading dimension", of_layout(layout, number::LAYOUT_LD, 8)?, rows as i64)?;
        if shape.batch > 1 {
            same("the batches", of_layout(layout, number::LAYOUT_BATCH_COUNT, 4)?, shape.batch as i64)?;
            let stride = of_layout(layout, number::LAYOUT_STRIDED_BATCH_OFFSET, 8)?;
            same("the distance of batches", stride, matrix.batch_stride as i64)?;
        }
    }
    Ok(())
}
