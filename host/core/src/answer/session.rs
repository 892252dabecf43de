//! A model that is loaded once and asked often.

use scaledown_sdk::Device;

use super::batch::{self, AnswerOptions, Answers};
use crate::Result;
use crate::data::records::Record;
use crate::model::config::{CompressorConfig, ModelConfig};
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::support::progress::Progress;

/// A loaded model that answers questions. Nothing of an answer stays for the next one.
pub struct Session {
    oscar: Oscar,
}

impl Session {
    /// A session with a model that is loaded already.
    #[must_use]
    pub fn new(oscar: Oscar) -> Self {
        Session { oscar }
    }

    /// Loads the models that the configurations describe. With a `stored` compressor, loads its
    /// values and merges the generator's adapter into its weights, which excludes training; without
    /// one, uses the plain generator.
    ///
    /// # Errors
    /// If a model cannot be found or created, or the stored compressor does not match.
    pub fn open(
        model: &ModelConfig<'_>,
        compressor: &CompressorConfig<'_>,
        stored: Option<&StoredOscar>,
        device: &Device,
    ) -> Result<Self> {
        let role = if stored.is_some() { Role::Adapted } else { Role::Frozen };
        let oscar = Oscar::new(compressor, LanguageModel::load(model, device, role)?)?;
        if let Some(stored) = stored {
            stored.load(&oscar)?;
            if let Some(vectors) = &compressor.compression.vectors {
                oscar.attach_vectors(vectors)?;
            }
            oscar.merge_adapters()?;
        }
        Ok(Session { oscar })
    }

    /// The model.
    #[must_use]
    pub fn oscar(&self) -> &Oscar {
        &self.oscar
    }

    /// The model, for something else than answers.
    #[must_use]
    pub fn into_oscar(self) -> Oscar {
        self.oscar
    }

    /// Answers a few questions together.
    ///
    /// # Errors
    /// If a question cannot be tokenized or is longer than the generator reads, or the device
    /// fails.
    pub fn ask(&self, records: &[&Record], options: &AnswerOptions) -> Result<Answers> {
        batch::answer(&self.oscar, records, options)
    }

    /// Answers all `records` in batches, which is shown as a task called `title`. Work that is
    /// cancelled ends after a batch, with the answers so far.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub fn ask_all(&self, records: &[Record], options: &AnswerOptions, title: &str, progress: &dyn Progress) -> Result<Answers> {
        let bar = progress.bar(title, records.len() as u64);
        let mut all = Answers::default();
        for chunk in records.chunks(options.batch.max(1)) {
            let sampling = options.sampling.from_row(all.answers.len());
            let options = AnswerOptions { sampling, ..options.clone() };
            all.append(self.ask(&chunk.iter().collect::<Vec<_>>(), &options)?);
            bar.set(all.answers.len() as u64);
            if progress.cancelled() {
                break;
            }
        }
        Ok(all)
    }
}
