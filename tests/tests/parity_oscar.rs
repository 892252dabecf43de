//! Whole OSCAR training steps against the same steps in PyTorch: vectors, scores, loss, every
//! gradient, and every trainable parameter after three optimizer steps. `tests/parity/README.md`
//! writes the step out.

use scaledown_host::model::sequence::{PadSide, Row, Sequence, SequenceBatch, token_loss};
use scaledown_mistral::{MistralConfig, MistralGenerator};
use scaledown_sdk::autodiff::Gradients;
use scaledown_sdk::component::{
    Compressed, Compressor, CompressorContext, Factory, Generator, GeneratorContext, GeneratorPlugin, PairBatch, registrations,
};
use scaledown_sdk::nn::peft::SavedAdapter;
use scaledown_sdk::nn::{ForwardMode, Optimizer, OptimizerConfig, ParamGroup, Params, Widths, clip_scale};
use scaledown_sdk::{DType, Device, Result, Tensor};
use scaledown_tests::parity::{ComparisonReport, Fixture, Tolerance, devices, directory, mask, options, weights};
use serde_json::{Value, json};

const GENERATOR: &str = "llama2";
const MEMORY_TOKENS: usize = 2;
const DOCUMENTS: usize = 3;
const LAMBDA: f64 = 0.05;
const CLIP: f64 = 1.0;
/// For parameters after three steps: these move them by about 1e-3 in all, of which 1e-4 would be a
/// tenth.
const STEPPED: Tolerance = Tolerance { absolute: 1e-5, ..Tolerance::F32 };

/// A compressor and a generator, with the values that PyTorch started from.
struct Models {
    compressor: Box<dyn Compressor>,
    compressor_params: Params,
    generator: MistralGenerator,
    generator_params: Params,
}

impl Models {
    fn load(name: &str, plugin: &str, keys: Value, dtype: DType, device: &Device) -> Result<Self> {
        let adapter = SavedAdapter::open(directory(name).join("adapter"))?;
        let options_with_adapter = options(device, dtype, Some(adapter.config().clone()));
        let generator_params = Params::load(options_with_adapter, weights(GENERATOR)?);
        let context = GeneratorContext { params: generator_params.clone(), directory: directory(GENERATOR) };
        let generator = MistralGenerator::build(MistralConfig::default(), context)?;
        adapter.restore(&generator_params)?;

        let compressor_params = Params::random(options(device, dtype, None));
        let config = std::fs::read(directory(GENERATOR).join("config.json")).expect("a file of the repository");
        let context = CompressorContext {
            params: compressor_params.clone(),
            generator: serde_json::from_slice(&config).expect("JSON"),
            generator_weights: Some(weights(GENERATOR)?),
            generator_params: Some(generator_params.clone()),
            hidden_size: generator.hidden_size(),
            memory_tokens: MEMORY_TOKENS,
            relevance: true,
        };
        let factory = registrations().find(|entry| entry.name == plugin).map(|entry| entry.factory);
        let Some(Factory::Compressor(build)) = factory else { panic!("no compressor {plugin}") };
        let compressor = build(keys, context)?;
        compressor_params.finish()?;
        for (param, value) in Fixture::read(&format!("{name}/step.safetensors")).under("initial.compressor.").iter() {
            let all = compressor_params.all();
            let own = all.iter().find(|own| own.name() == param).unwrap_or_else(|| panic!("no parameter {param}"));
            own.set(&device.upload(value)?.cast(dtype)?)?;
        }
        Ok(Models { compressor, compressor_params, generator, generator_params })
    }

    /// All trainable parameters by the names of the fixture.
    fn trainable(&self) -> Vec<(String, Tensor)> {
        let named = |prefix: &'static str, params: &Params| {
            params.trainable().into_iter().map(move |param| (format!("{prefix}{}", param.name()), param.tensor()))
        };
        let compressor = named("compressor.", &self.compressor_params);
        compressor.chain(named("generator.base_model.model.", &self.generator_params)).collect()
    }
}

/// The pairs, written as the compressor's template wants them.
fn pairs(recorded: &Fixture, compressor: &dyn Compressor) -> PairBatch {
    let ids = |name: String| recorded.find(&name).map(|_| to_ids(recorded.integers(&name)));
    let template = compressor.template();
    let mut batch = PairBatch { ids: Vec::new(), memory_tokens: MEMORY_TOKENS, relevance: true, widths: Widths::default() };
    for (i, query) in (0..).map_while(|i| Some((i, ids(format!("in.query.{i}"))?))) {
        for document in (0..).map_while(|j| ids(format!("in.document.{i}.{j}"))) {
            let parts = [&template.prefix, &query, &template.separator, &document, &template.suffix];
            batch.ids.push(parts.into_iter().flatten().copied().collect());
        }
    }
    batch
}

fn to_ids(integers: Vec<i64>) -> Vec<u32> {
    integers.into_iter().map(|id| u32::try_from(id).expect("a token id")).collect()
}

/// The prompts with their answers.
fn sequences(recorded: &Fixture) -> SequenceBatch {
    let names = ["input_ids", "slots", "targets"].map(|name| recorded.rows(&format!("in.generator.{name}")));
    let [ids, slots, targets] = names;
    let real = mask(recorded, "in.generator.attention_mask");
    let sequence = |row: usize| {
        let length = real[row].iter().filter(|&&real| real).count();
        let place = |i: usize| match usize::try_from(slots[row][i]) {
            Ok(vector) => Row::Vector { pair: vector / MEMORY_TOKENS, slot: vector % MEMORY_TOKENS },
            Err(_) => Row::Token(u32::try_from(ids[row][i]).expect("a token id")),
        };
        let target = |i: usize| Some((i, u32::try_from(targets[row][i]).ok()?, 1.0));
        Sequence { rows: (0..length).map(place).collect(), targets: (0..length).filter_map(target).collect() }
    };
    SequenceBatch { sequences: (0..ids.len()).map(sequence).collect(), widths: Widths::default() }
}

/// The loss of the step's only batch.
fn loss(models: &Models, sequences: &SequenceBatch, compressed: &Compressed, wanted: &Tensor) -> Result<(Tensor, Tensor)> {
    let targets: usize = sequences.sequences.iter().map(|sequence| sequence.targets.len()).sum();
    let mut forward = ForwardMode::training(0, false);
    let answers = token_loss(&models.generator, sequences, Some(&compressed.vectors), targets as f64, &mut forward)?;
    let scores = compressed.relevance.as_ref().expect("scores were asked for");
    let records = wanted.shape().count() / DOCUMENTS;
    let relevance = scores.sub(wanted)?.square()?.sum_all()?.affine(1.0 / records as f64, 0.0)?;
    Ok((answers.loss.add(&relevance.affine(LAMBDA, 0.0)?)?, relevance))
}

fn compare_gradients(gradients: &Gradients, trainable: &[(String, Tensor)], recorded: &Fixture, report: &mut ComparisonReport) {
    let expected = recorded.under("grad.");
    for (name, param) in trainable {
        match (gradients.get(param), expected.find(name)) {
            (Some(ours), Some(theirs)) => report.tensor(&format!("gradient of {name}"), ours, theirs),
            (ours, theirs) => {
                report.problem(&format!("{name} has a gradient here: {}, there: {}", ours.is_some(), theirs.is_some()))
            }
        }
    }
    if expected.iter().count() != trainable.len() || gradients.len() != trainable.len() {
        let (ours, theirs) = (gradients.len(), expected.iter().count());
        report.problem(&format!("{} parameters train, {ours} have gradients, in PyTorch {theirs}", trainable.len()));
    }
}

/// Compares what the first step computes on the way to its loss.
fn compare_forward(
    models: &Models,
    sequences: &SequenceBatch,
    compressed: &Compressed,
    recorded: &Fixture,
    report: &mut ComparisonReport,
) -> Result<()> {
    report.tensor("vectors", &compressed.vectors, recorded.get("memory"));
    report.tensor("scores", compressed.relevance.as_ref().expect("scores were asked for"), recorded.get("scores"));
    let input = sequences.embed(&models.generator, Some(&compressed.vectors), PadSide::Right)?;
    let hidden = models.generator.forward(&input, &mut ForwardMode::inference())?;
    let width = input.embeddings.dims()[1];
    let real: Vec<bool> =
        input.spans.iter().flat_map(|span| (0..width).map(|at| (span.start..span.end()).contains(&at))).collect();
    report.rows("logits", &models.generator.logits(&hidden)?, recorded.get("logits"), &real);
    Ok(())
}

fn compare(name: &str, plugin: &str, keys: Value, device: &Device) -> Result<()> {
    let recorded = Fixture::read(&format!("{name}/step.safetensors"));
    let mut report = ComparisonReport::new(&format!("{name} on {}", device.name()), Tolerance::F32);
    let models = Models::load(name, plugin, keys, DType::F32, device)?;
    let (pairs, sequences) = (pairs(&recorded, &*models.compressor), sequences(&recorded));
    let wanted = recorded.upload("in.scores", device);
    let rates = ["compressor", "generator"].map(|group| recorded.get(&format!("in.lr.{group}")).to_f64());
    let group = |name: &str, params: &Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
    let groups = vec![
        group("compressor", &models.compressor_params, rates[0][0]),
        group("generator", &models.generator_params, rates[1][0]),
    ];
    let mut optimizer = Optimizer::new(groups, OptimizerConfig { weight_decay: 0.1, ..OptimizerConfig::default() })?;
    for step in 0..rates[0].len() {
        let compressed = models.compressor.compress(&pairs, &mut ForwardMode::training(0, false))?;
        if step == 0 {
            compare_forward(&models, &sequences, &compressed, &recorded, &mut report)?;
        }
        let (loss, relevance) = loss(&models, &sequences, &compressed, &wanted)?;
        drop(compressed);
        report.tensor(&format!("loss of step {}", step + 1), &loss, recorded.get(&format!("loss.{}", step + 1)));
        let gradients = loss.backward()?;
        if step == 0 {
            report.tensor("squared error of the scores", &relevance, recorded.get("relevance"));
            compare_gradients(&gradients, &models.trainable(), &recorded, &mut report);
        }
        let norm = optimizer.gradient_norm(&gradients)?.expect("the model trains");
        let scale = clip_scale(&norm, CLIP, &[])?;
        let norm = norm.scalar()?;
        let theirs = recorded.get(&format!("norm.{}", step + 1)).to_f64()[0];
        report.values(&format!("gradient norm of step {}, relative", step + 1), &[norm / theirs], &[1.0]);
        optimizer.step(gradients, rates[0][step] / rates[0][0], &scale)?;
    }
    report.finish();
    let mut report = ComparisonReport::new(&format!("{name} on {} after three steps", device.name()), STEPPED);
    for (name, param) in models.trainable() {
        report.tensor(&name, &param, recorded.get(&format!("after.{name}")));
    }
    report.finish();
    Ok(())
}

/// Compares the first step of a variant of `oscar-n-layers` on its batch, gradients excepted, and
/// gives those back.
fn compare_variant(
    variant: &Fixture,
    keys: Value,
    dtype: DType,
    device: &Device,
    report: &mut ComparisonReport,
) -> Result<(Models, Gradients)> {
    let batch = Fixture::read("oscar-n-layers/step.safetensors");
    let models = Models::load("oscar-n-layers", "n-layers", keys, dtype, device)?;
    let (pairs, sequences) = (pairs(&batch, &*models.compressor), sequences(&batch));
    let compressed = models.compressor.compress(&pairs, &mut ForwardMode::training(0, false))?;
    compare_forward(&models, &sequences, &compressed, variant, report)?;
    let (loss, _) = loss(&models, &sequences, &compressed, &batch.upload("in.scores", device))?;
    report.tensor("loss", &loss, variant.get("loss"));
    let gradients = loss.backward()?;
    Ok((models, gradients))
}

#[test]
fn a_step_in_bf16_agrees_with_pytorch() {
    let recorded = Fixture::read("oscar-n-layers/bf16.safetensors");
    for device in devices() {
        let mut report = ComparisonReport::new(&format!("a step in bf16 on {}", device.name()), Tolerance::BF16);
        let compared = compare_variant(&recorded, json!({"layers": 2}), DType::BF16, &device, &mut report);
        let (models, gradients) = compared.expect("the models run");
        let mut trainable = models.trainable();
        trainable.sort_by(|(a, _), (b, _)| a.cmp(b));
        let gradient = |(name, param): &(String, Tensor)| {
            gradients.get(param).unwrap_or_else(|| panic!("{name} has no gradient")).to_data().expect("data").to_f64()
        };
        let all: Vec<f64> = trainable.iter().flat_map(gradient).collect();
        report.values("all gradients", &all, &recorded.get("grad.all").to_f64());
        report.finish();
    }
}

#[test]
fn n_layers_with_the_final_norm_agrees_with_pytorch() {
    let recorded = Fixture::read("oscar-n-layers/final_norm.safetensors");
    let keys = json!({"layers": 2, "final_norm": true});
    for device in devices() {
        let mut report = ComparisonReport::new(&format!("the final norm on {}", device.name()), Tolerance::F32);
        let compared = compare_variant(&recorded, keys.clone(), DType::F32, &device, &mut report);
        let (models, gradients) = compared.expect("the models run");
        let trainable = models.trainable();
        let expected = recorded.under("grad.");
        assert!(expected.find("compressor.model.norm.weight").is_some());
        for (name, theirs) in expected.iter() {
            let param = &trainable.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("no parameter {name}")).1;
            report.tensor(name, gradients.get(param).expect("a gradient"), theirs);
        }
        report.finish();
    }
}

#[test]
fn three_steps_with_n_layers_agree_with_pytorch() {
    for device in devices() {
        compare("oscar-n-layers", "n-layers", json!({"layers": 2}), &device).expect("the models run");
    }
}

#[test]
fn three_steps_with_modernbert_agree_with_pytorch() {
    let keys = json!({"model": directory("modernbert"), "projection": 20});
    for device in devices() {
        compare("oscar-modernbert", "modernbert", keys.clone(), &device).expect("the models run");
    }
}

#[test]
fn three_steps_with_a_small_decoder_agree_with_pytorch() {
    let keys = json!({"model": directory("qwen3"), "projection": 20, "prefix": [1], "separator": [1]});
    for device in devices() {
        compare("oscar-decoder", "decoder", keys.clone(), &device).expect("the models run");
    }
}

#[test]
fn three_steps_with_the_generator_under_a_second_adapter_agree_with_pytorch() {
    let lora = json!({"r": 3, "alpha": 6.0, "dropout": 0.0, "target": "all-linear"});
    let keys = json!({"lora": lora, "prefix": [1], "suffix": [2]});
    for device in devices() {
        compare("oscar-adapter", "adapter", keys.clone(), &device).expect("the models run");
    }
}
