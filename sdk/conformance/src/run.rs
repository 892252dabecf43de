//! An example, and the suite of its kind.

use std::path::PathBuf;

use scaledown_sdk::component::{CorpusContext, Factory, Registration, RerankerContext, RetrieverContext, TeacherContext};
use scaledown_sdk::{Device, Error};

use crate::example::{Example, ExampleError, FRESH};
use crate::report::{CheckFailure, ConformanceReport};
use crate::teacher::TokenizerOpener;
use crate::{compressor, corpus, device, generator, reranker, retriever, teacher, tiny};

/// The environment of the checks.
pub struct Setting<'a> {
    /// The device that models run on.
    pub device: Device,
    /// A directory that files may be written in, and that the caller removes.
    pub scratch: PathBuf,
    /// Opens the tokenizer of a model's directory.
    pub tokenizer: TokenizerOpener,
    /// The values of the variables in examples, such as the addresses of services.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Makes the component of an example, and runs the suite of its kind.
///
/// # Errors
/// If the example names a plugin that is not there, or needs a variable that has no value.
pub fn check(example: &Example, setting: &Setting<'_>) -> std::result::Result<ConformanceReport, ExampleError> {
    check_entry(example.registration()?, example, setting)
}

/// As [`check`], for a plugin that is not linked in.
///
/// # Errors
/// If the example needs a variable that has no value.
pub fn check_entry(
    entry: &Registration,
    example: &Example,
    setting: &Setting<'_>,
) -> std::result::Result<ConformanceReport, ExampleError> {
    let (name, device) = (example.title(), setting.device.clone());
    let schema = (entry.schema)();
    // Its defects are reported before a suite fails in each of its checks.
    let keys = example.keys_of(&schema, &setting.value("checked"))?;
    let scratch = setting.scratch.as_path();
    Ok(match entry.factory {
        Factory::Corpus(make) => {
            corpus::check(&corpus::CorpusSubject { name, build: &|| make(keys.clone(), CorpusContext::default()) })
        }
        Factory::Compressor(make) => compressor::check(&compressor::CompressorSubject {
            name,
            build: &|context| make(keys.clone(), context),
            device,
            scratch,
        }),
        Factory::Generator(make) => {
            let model = match example.model().map_or_else(|| tiny::directory(&device, scratch), Ok) {
                Ok(model) => model,
                Err(error) => {
                    let mut report = ConformanceReport::new(name);
                    report.run("a tiny model can be made", || Err(error.into()));
                    return Ok(report);
                }
            };
            generator::check(&generator::GeneratorSubject {
                name,
                build: &|context| make(keys.clone(), context),
                model: &model,
                device,
            })
        }
        Factory::Retriever(make) => {
            let open = |place: &retriever::IndexDirectory| {
                let keys =
                    example.keys_of(&schema, &setting.value(&place.name)).map_err(|error| Error::Config(error.to_string()))?;
                make(keys, RetrieverContext { device: device.clone(), directory: place.directory.clone() })
            };
            retriever::check(&retriever::RetrieverSubject { name, open: &open, scratch })
        }
        Factory::Reranker(make) => {
            let build = || make(keys.clone(), RerankerContext { device: device.clone() });
            reranker::check(&reranker::RerankerSubject { name, build: &build })
        }
        Factory::Teacher(make) => {
            let build = |keys, context: TeacherContext| make(keys, context);
            let tokenizer = setting.tokenizer;
            teacher::check(&teacher::TeacherSubject { name, build: &build, keys, schema, device, tokenizer })
        }
        Factory::Device(make) => match make(keys) {
            Ok(device) => device::check(name, &device),
            Err(error) => {
                let mut report = ConformanceReport::new(name);
                report.run("the device can be made", || Err(error.into()));
                report
            }
        },
        _ => {
            let mut report = ConformanceReport::new(name);
            report.run("the component is of a known kind", || {
                Err(CheckFailure::differs("its kind", "one with a suite", "another"))
            });
            report
        }
    })
}

impl Setting<'_> {
    /// The values of variables, where a component that starts with nothing is called `fresh`.
    fn value(&self, fresh: &str) -> impl Fn(&str) -> Option<String> {
        move |name| if name == FRESH { Some(fresh.to_owned()) } else { (self.variable)(name) }
    }
}
