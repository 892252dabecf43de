//! Hidden states read at some places are those of the full forward pass, and so are the gradients
//! that come back from them.

use scaledown_sdk::nn::decoder::Decoder;
use scaledown_sdk::nn::modernbert::ModernBertModel;
use scaledown_sdk::nn::{ForwardMode, Param, Params, Span};
use scaledown_sdk::{DType, Device, Result, Tensor};
use scaledown_tests::parity::{decoder_config, devices, encoder_config, options, weights};

const LENGTH: usize = 11;

/// Places of the last tokens of rows that are whole, padded on the right, and padded on the left.
const PLACES: [[usize; 3]; 3] = [[10, 8, 9], [5, 6, 4], [8, 9, 10]];

fn mask() -> Vec<Vec<bool>> {
    let row = |real: std::ops::Range<usize>| (0..LENGTH).map(|place| real.contains(&place)).collect();
    vec![row(0..LENGTH), row(0..7), row(3..LENGTH)]
}

enum Model {
    Decoder(Box<Decoder>),
    ModernBertModel(Box<ModernBertModel>),
}

impl Model {
    fn load(name: &str, device: &Device) -> Result<(Model, Params)> {
        let params = Params::load(options(device, DType::F32, None), weights(name)?);
        let model = if name.starts_with("modernbert") {
            Model::ModernBertModel(Box::new(ModernBertModel::new(encoder_config(name, "config.json")?, &params.pp("model"))?))
        } else {
            Model::Decoder(Box::new(Decoder::new(&decoder_config(name, "config.json")?, &params.pp("model"))?))
        };
        Ok((model, params))
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Model::Decoder(model) => model.embed(ids),
            Model::ModernBertModel(model) => model.table().tensor().embedding(ids),
        }
    }

    fn read(&self, places: &[Vec<usize>], x: &Tensor, checkpointing: bool) -> Result<Tensor> {
        let mut forward = ForwardMode::training(7, checkpointing);
        match self {
            Model::Decoder(model) => model.forward_at(places, x, &Span::of_masks(&mask())?, &mut forward),
            Model::ModernBertModel(model) => model.forward_at(places, x, &Span::of_masks(&mask())?, &mut forward),
        }
    }

    /// As [`Model::read`], by computing everything.
    fn gather(&self, places: &[Vec<usize>], x: &Tensor) -> Result<Tensor> {
        let mut forward = ForwardMode::training(7, false);
        let states = match self {
            Model::Decoder(model) => model.forward(x, &Span::of_masks(&mask())?, &mut forward)?,
            Model::ModernBertModel(model) => model.forward(x, &Span::of_masks(&mask())?, &mut forward)?,
        };
        let rows: Vec<i64> =
            places.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |p| (i * LENGTH + p) as i64)).collect();
        let rows = x.device().from_slice(&rows, [places.len(), places[0].len()])?;
        states.reshape([states.shape().rows(), states.shape().last()])?.embedding(&rows)
    }
}

fn ids(device: &Device) -> Tensor {
    let ids: Vec<u32> = (0..3 * LENGTH as u32).map(|i| 3 + i * 7 % 29).collect();
    device.from_slice(&ids, [3, LENGTH]).unwrap()
}

/// What was read, and the gradients of a loss on it by parameter.
fn pass(
    model: &Model,
    params: &Params,
    read: impl Fn(&Tensor) -> Result<Tensor>,
    device: &Device,
) -> (Vec<f64>, Vec<(String, Vec<f64>)>) {
    let states = read(&model.embed(&ids(device)).unwrap()).unwrap();
    let numbers = |tensor: &Tensor| tensor.to_data().unwrap().to_f64();
    let weight = states.device().uniform(states.shape(), 5).unwrap();
    let gradients = states.mul(&weight).unwrap().sum_all().unwrap().backward().unwrap();
    let all = params.all();
    let gradient = |param: &Param| gradients.get(&param.tensor()).map(|g| (param.name().to_owned(), numbers(g)));
    (numbers(&states), all.iter().filter_map(gradient).collect())
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{what}: {found}, expected {expected}");
    }
}

#[test]
fn reading_some_places_equals_reading_all() {
    let places: Vec<Vec<usize>> = PLACES.iter().map(|row| row.to_vec()).collect();
    for device in devices() {
        for name in ["mistral", "llama3", "qwen2-window", "modernbert", "modernbert-bias"] {
            let (model, params) = Model::load(name, &device).unwrap();
            let (states, gradients) = pass(&model, &params, |x| model.gather(&places, x), &device);
            for checkpointing in [false, true] {
                let what = format!("{name} on {}, checkpointing {checkpointing}", device.name());
                let (found, found_gradients) = pass(&model, &params, |x| model.read(&places, x, checkpointing), &device);
                assert_close(&found, &states, &what);
                assert_eq!(found_gradients.len(), gradients.len(), "{what}");
                for ((name, found), (expected_name, expected)) in found_gradients.iter().zip(&gradients) {
                    assert_eq!(name, expected_name);
                    assert_close(found, expected, &format!("{what}, {name}"));
                }
            }
        }
    }
}

#[test]
fn reading_some_places_costs_less() {
    for device in devices() {
        for name in ["llama3", "modernbert"] {
            let (model, _params) = Model::load(name, &device).unwrap();
            let x = model.embed(&ids(&device)).unwrap();
            let cost = |read: &dyn Fn() -> Result<Tensor>| {
                let before = device.usage();
                read().unwrap();
                (device.usage() - before).flops
            };
            let places = vec![vec![0]; 3];
            let some = cost(&|| model.read(&places, &x, false));
            let all = cost(&|| model.gather(&places, &x));
            assert!(some < all, "{name} on {}: {some} and {all} FLOPs", device.name());
        }
    }
}

#[test]
fn places_that_are_not_there_are_an_error() {
    let device = devices().pop().unwrap();
    for name in ["llama3", "modernbert"] {
        let (model, _params) = Model::load(name, &device).unwrap();
        let x = model.embed(&ids(&device)).unwrap();
        for places in [vec![vec![0]; 2], vec![vec![0], vec![0, 1], vec![0]], vec![vec![LENGTH]; 3]] {
            let error = model.read(&places, &x, false).unwrap_err().to_string();
            assert!(error.contains("the places to read are"), "{error}");
        }
    }
}

#[test]
fn without_layers_the_places_are_read_all_the_same() {
    let device = devices().pop().unwrap();
    let mut config = encoder_config("modernbert", "config.json").unwrap();
    config.layers.clear();
    let encoder = ModernBertModel::new(config, &Params::random(options(&device, DType::F32, None))).unwrap();
    let decoder = decoder_config("llama3", "config.json").unwrap();
    let decoder = Decoder::first_layers(&decoder, &Params::random(options(&device, DType::F32, None)), 0, true).unwrap();
    let places: Vec<Vec<usize>> = PLACES.iter().map(|row| row.to_vec()).collect();
    for model in [Model::ModernBertModel(Box::new(encoder)), Model::Decoder(Box::new(decoder))] {
        let x = model.embed(&ids(&device)).unwrap();
        let numbers = |tensor: Tensor| tensor.to_data().unwrap().to_f64();
        let (some, all) = (model.read(&places, &x, false).unwrap(), model.gather(&places, &x).unwrap());
        assert_close(&numbers(some), &numbers(all), "no layers");
    }
}
