//! Where elements live: memory of each element type, in buffers that are used again.
//!
//! A large buffer that is freed goes back to the operating system, and the next one is paid for
//! with a page fault every 4 KiB, which costs more than an element-wise kernel.
//! So freed buffers are kept, and a new tensor may get one of them, with whatever stands in it: a
//! kernel writes every element of its output.

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use half::{bf16, f16};
use parking_lot::Mutex;
use scaledown_sdk::tensor::Element;

use crate::memory::Memory;

/// Buffers of fewer elements come from the allocator, which is quick for them.
const SMALL: usize = 4096;

/// The maximum bytes of freed buffers that each element type keeps.
const KEPT: usize = 1 << 30;

/// Freed buffers of one element type by length.
pub(crate) struct Pool<T>(Mutex<Kept<T>>);

struct Kept<T> {
    by_len: BTreeMap<usize, Vec<Memory<T>>>,
    bytes: usize,
}

impl<T: Copy + Zeroable> Pool<T> {
    const fn new() -> Self {
        Pool(Mutex::new(Kept { by_len: BTreeMap::new(), bytes: 0 }))
    }

    /// Memory of at least `len` elements of any value.
    fn take(&self, len: usize) -> Memory<T> {
        if len < SMALL {
            return Memory::Allocated(vec![T::zeroed(); len]);
        }
        let len = rounded(len);
        let mut kept = self.0.lock();
        let found = kept.by_len.range_mut(len..=len + len / 2).find_map(|(_, free)| free.pop());
        if let Some(buffer) = found {
            kept.bytes -= buffer.len() * size_of::<T>();
            return buffer;
        }
        drop(kept);
        Memory::new(len)
    }

    fn give_back(&self, buffer: Memory<T>) {
        let bytes = buffer.len() * size_of::<T>();
        if buffer.len() < SMALL || bytes > KEPT {
            return;
        }
        let mut kept = self.0.lock();
        if kept.bytes + bytes > KEPT {
            kept.by_len.clear();
            kept.bytes = 0;
        }
        kept.bytes += bytes;
        kept.by_len.entry(buffer.len()).or_default().push(buffer);
    }
}

/// `len` rounded up to three significant bits, so that buffers of similar lengths can stand in for
/// each other.
fn rounded(len: usize) -> usize {
    let step = (len.next_power_of_two() / 16).max(1);
    len.div_ceil(step) * step
}

/// An element type that can be stored.
pub(crate) trait Scalar: Element + Copy + Zeroable + PartialOrd {
    fn pool() -> &'static Pool<Self>;
    fn wrap(elements: Memory<Self>) -> Elements;
    fn slice(storage: &Elements) -> Option<&[Self]>;
    fn slice_mut(storage: &mut Elements) -> Option<&mut [Self]>;
}

macro_rules! scalar {
    ($($type:ty => $case:ident),*) => {
        /// The elements of one tensor, in their type.
        pub(crate) enum Elements {
            $(#[doc = concat!("Of type `", stringify!($type), "`.")] $case(Memory<$type>),)*
        }

        $(impl Scalar for $type {
            fn pool() -> &'static Pool<$type> {
                static POOL: Pool<$type> = Pool::new();
                &POOL
            }
            fn wrap(elements: Memory<$type>) -> Elements {
                Elements::$case(elements)
            }
            fn slice(storage: &Elements) -> Option<&[$type]> {
                if let Elements::$case(elements) = storage { Some(elements) } else { None }
            }
            fn slice_mut(storage: &mut Elements) -> Option<&mut [$type]> {
                if let Elements::$case(elements) = storage { Some(elements) } else { None }
            }
        })*

        impl Drop for Buffer {
            fn drop(&mut self) {
                match std::mem::replace(&mut self.storage, Elements::U8(Memory::default())) {
                    $(Elements::$case(elements) => <$type>::pool().give_back(elements),)*
                }
            }
        }
    };
}

scalar!(f64 => F64, f32 => F32, bf16 => BF16, f16 => F16, i64 => I64, u32 => U32, u8 => U8);

/// The elements of one tensor: the first `len` of a storage.
pub(crate) struct Buffer {
    storage: Elements,
    len: usize,
}

impl Default for Buffer {
    /// No elements.
    fn default() -> Self {
        Buffer { storage: Elements::U8(Memory::default()), len: 0 }
    }
}

impl Buffer {
    /// The elements, if they are of type `T`.
    pub(crate) fn slice<T: Scalar>(&self) -> Option<&[T]> {
        T::slice(&self.storage).map(|elements| &elements[..self.len])
    }

    /// The elements for writing, if they are of type `T`.
    pub(crate) fn slice_mut<T: Scalar>(&mut self) -> Option<&mut [T]> {
        let len = self.len;
        T::slice_mut(&mut self.storage).map(|elements| &mut elements[..len])
    }
}

/// `len` elements of any value: scratch memory of a kernel, or an output in the making.
pub(crate) struct Scratch<T: Scalar> {
    elements: Memory<T>,
    len: usize,
}

impl<T: Scalar> Scratch<T> {
    pub(crate) fn new(len: usize) -> Self {
        Scratch { elements: T::pool().take(len), len }
    }

    /// A copy of `elements`.
    pub(crate) fn copy_of(elements: &[T]) -> Self {
        let mut copy = Scratch::new(elements.len());
        copy.copy_from_slice(elements);
        copy
    }

    /// The elements as a tensor's.
    pub(crate) fn into_buffer(mut self) -> Buffer {
        Buffer { storage: T::wrap(std::mem::take(&mut self.elements)), len: self.len }
    }
}

impl<T: Scalar> std::ops::Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements[..self.len]
    }
}

impl<T: Scalar> std::ops::DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements[..self.len]
    }
}

impl<T: Scalar> Drop for Scratch<T> {
    fn drop(&mut self) {
        T::pool().give_back(std::mem::take(&mut self.elements));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_buffer_is_used_again() {
        let pool = Pool::<f32>::new();
        let first = pool.take(100_000);
        let address = first.as_ptr();
        pool.give_back(first);
        let second = pool.take(99_000);
        assert_eq!(second.as_ptr(), address);
        let third = pool.take(99_000);
        assert_ne!(third.as_ptr(), address);
    }

    #[test]
    fn lengths_are_rounded_up_by_an_eighth_at_most() {
        for len in (SMALL..1_000_000).step_by(997) {
            assert!((len..=len + len / 8 + 1).contains(&rounded(len)), "{len}: {}", rounded(len));
        }
    }
}
