//! Which weights a compressor was trained beside.

use scaledown_sdk::nn::{Param, Params};
use scaledown_sdk::{DType, Result};

/// Rows of each weight that are compared. Training a model changes almost all of them.
const ROWS: usize = 4;

/// A checksum of the weights that no training changes: of their names, shapes and first rows, as
/// bf16 has them, so that it does not depend on the type that they are held in, quantised or not,
/// nor on where they lie. `None` if there are none.
///
/// # Errors
/// If a weight cannot be read back.
pub fn base_checksum<'a>(params: impl IntoIterator<Item = &'a Params>) -> Result<Option<u32>> {
    let frozen =
        |params: &'a Params| params.all().into_iter().filter(|param| !param.trainable()).map(move |param| (params, param));
    let frozen: Vec<(&Params, Param)> = params.into_iter().flat_map(frozen).collect();
    let mut sum = 0;
    for (params, param) in &frozen {
        let tensor = params.unquantized(param)?;
        let rows = tensor.dims().first().map_or(0, |&rows| rows.min(ROWS));
        let sample = if rows > 0 { tensor.slice(0, 0, rows)? } else { tensor.clone() }.cast(DType::F32)?.cast(DType::BF16)?;
        sum = crc32c::crc32c_append(sum, format!("{} {}\n", param.name(), tensor.spec().shape).as_bytes());
        sum = crc32c::crc32c_append(sum, sample.to_data()?.bytes());
    }
    Ok((!frozen.is_empty()).then_some(sum))
}
