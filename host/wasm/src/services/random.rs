//! Random numbers that a run repeats.

use crate::bindings::scaledown::plugin::random::Host;
use crate::imports::Imports;

/// A stream of numbers (splitmix64), whose seed is the plugin's name.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn of(name: &str) -> Self {
        // FNV-1a.
        Numbers(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Host for Imports {
    fn next(&mut self) -> wasmtime::Result<u64> {
        Ok(self.numbers.next())
    }
}
