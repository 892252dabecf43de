//! Whether the layers that the generator's adapter is to be on are the model's.
//!
//! Only the generator's plugin knows the layers of its models. So it builds the model on a device
//! that stores nothing, without weights: no number is drawn or read, and the parameters' final
//! checks are those of a training.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scaledown_sdk::component::{Factory, GeneratorContext, Kind};
use scaledown_sdk::nn::{LoraConfig, LoraTarget, ParamOptions, Params, WeightSource};
use scaledown_sdk::tensor::{DeviceInfo, Storage, Value};
use scaledown_sdk::{DType, Device, DeviceBackend, Error, Op, Result, TensorData, TensorSpec};

use super::config::{GeneratorConfig, Lora};
use crate::plugins::registry;

/// The problem with the target layers of `generator`'s adapter, if any. `None` if the model is
/// missing or cannot be built, which is reported elsewhere.
#[must_use]
pub fn adapter_problem(generator: &GeneratorConfig) -> Option<String> {
    let directory = Path::new(&generator.model);
    let adapter = match &generator.lora {
        Some(Lora::Table(adapter @ LoraConfig { target: LoraTarget::Names(_), .. })) => adapter,
        // A target that means all layers fits every model.
        _ => return None,
    };
    let Factory::Generator(build) = registry::find(Kind::Generator, &generator.plugin)?.factory else { return None };
    let options = ParamOptions {
        device: Device::new(Nothing::default()),
        dtype: DType::F32,
        trainable: false,
        seed: 0,
        // Its size does not matter here, and would cost time.
        lora: Some(LoraConfig { r: 1, ..adapter.clone() }),
        quantization: None,
    };
    let missing: Arc<dyn WeightSource> = Arc::new(BTreeMap::<String, TensorData>::new());
    let params = Params::load(options, missing);
    let context = GeneratorContext { params: params.clone(), directory: directory.to_owned() };
    build(generator.component().options(), context).ok()?;
    match params.finish() {
        Err(Error::Config(problem)) => Some(problem),
        // The weights, which are missing indeed.
        _ => None,
    }
}

/// More tensors than a model has: a description that asks for more is not built to its end.
const MOST: usize = 100_000;

/// A device that keeps nothing and counts what it is asked for.
#[derive(Default)]
struct Nothing {
    asked: AtomicUsize,
}

impl Nothing {
    fn nothing(&self) -> Result<Storage> {
        if self.asked.fetch_add(1, Ordering::Relaxed) < MOST {
            return Ok(Storage::new(()));
        }
        Err(Error::Input(format!("the model has more than {MOST} tensors")))
    }
}

impl DeviceBackend for Nothing {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            name: "nothing".into(),
            description: "keeps nothing".into(),
            threads: 1,
            dtypes: Vec::new(),
            memory: None,
            static_shapes: false,
        }
    }

    fn upload(&self, _: &TensorSpec, _: &[u8]) -> Result<Storage> {
        self.nothing()
    }

    fn read(&self, _: &[&Value]) -> Result<Vec<TensorData>> {
        Err(Error::Input("a device that keeps nothing has nothing to give".into()))
    }

    fn supports(&self, _: &Op, _: &[TensorSpec]) -> bool {
        true
    }

    fn execute(&self, _: &Op, _: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        outputs.iter().map(|_| self.nothing()).collect()
    }
}
