//! How weights in blocks are stored on the device: the integers of all blocks, then all scales, so
//! that both are aligned.

use scaledown_sdk::DType;

/// Bytes of a block's scale, which the host keeps before its integers.
const SCALE: usize = 2;

/// The device's form of blocks; `None` for types that have none.
pub(crate) fn to_planes(dtype: DType, blocks: &[u8]) -> Option<Vec<u8>> {
    let size = dtype.is_quantized().then(|| dtype.size())?;
    let mut planes = Vec::with_capacity(blocks.len());
    blocks.chunks_exact(size).for_each(|block| planes.extend_from_slice(block.get(SCALE..).unwrap_or_default()));
    blocks.chunks_exact(size).for_each(|block| planes.extend_from_slice(block.get(..SCALE).unwrap_or_default()));
    Some(planes)
}

/// The host's form of blocks; `None` for types that have none.
pub(crate) fn to_blocks(dtype: DType, planes: &[u8]) -> Option<Vec<u8>> {
    let size = dtype.is_quantized().then(|| dtype.size())?;
    let count = planes.len() / size;
    let (integers, scales) = planes.split_at_checked(count * (size - SCALE))?;
    let pairs = scales.chunks_exact(SCALE).zip(integers.chunks_exact(size - SCALE));
    Some(pairs.flat_map(|(scale, integers)| scale.iter().chain(integers)).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_the_same_blocks_again() {
        for dtype in [DType::Q8_0, DType::Q4_0] {
            let blocks: Vec<u8> = (0..dtype.size() * 5).map(|i| i as u8).collect();
            let planes = to_planes(dtype, &blocks).unwrap();
            assert_ne!(planes, blocks);
            assert_eq!(planes[..4], blocks[2..6], "integers come first");
            assert_eq!(to_blocks(dtype, &planes).unwrap(), blocks);
        }
        assert_eq!(to_planes(DType::F32, &[1]), None);
    }
}
