//! Comparison with values that PyTorch computed; `tests/parity/README.md` describes the fixtures.

mod comparison;
mod fixture;
mod model;

pub use comparison::{ComparisonReport, Deviation, Tolerance};
pub use fixture::{Fixture, directory};
pub use model::{Model, decoder_config, encoder_config, mask, mean_cross_entropy, options, weights};

use scaledown_sdk::Device;
use scaledown_sdk::component::{Factory, registrations};

use scaledown_conformance::device::reference::Reference;
use scaledown_cuda_emulator::{Emulator, Options};

/// The devices that the tests run on: the reference, which proves the decompositions, and every
/// device plugin that is linked in. A card, which few machines have, is replaced by
/// its emulation, which runs everything late, as a card does.
///
/// # Panics
/// If a device cannot be made, or the plugin `cpu` is not among them: a test of the reference alone
/// would test no code that is shipped.
#[must_use]
pub fn devices() -> Vec<Device> {
    // Plugins are found through their registrations; naming the crates links them in.
    use {
        scaledown_adapter as _, scaledown_cpu as _, scaledown_decoder_compressor as _, scaledown_modernbert as _,
        scaledown_n_layers as _,
    };
    let plugin = |factory| match factory {
        Factory::Device(build) => Some(build(serde_json::json!({})).unwrap_or_else(|error| panic!("{error}"))),
        _ => None,
    };
    let plugins = registrations().filter(|entry| entry.name != scaledown_cuda::NAME).filter_map(|entry| plugin(entry.factory));
    let card = Emulator::device(Options { late: true, keeps_memory: true, ..Options::default() });
    let emulated = card.unwrap_or_else(|error| panic!("{error}"));
    let devices: Vec<Device> = [Device::new(Reference), emulated].into_iter().chain(plugins).collect();
    assert!(devices.iter().any(|device| device.name() == "cpu"), "the device plugin cpu is not linked in");
    devices
}
