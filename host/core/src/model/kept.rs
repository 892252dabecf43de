//! A compressor whose documents' vectors were computed before.

use std::path::Path;

use scaledown_sdk::component::{Compressed, PairBatch};
use scaledown_sdk::nn::{ForwardMode, Widths};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Error as SdkError, TensorData, TensorSpec};

use super::Oscar;
use super::base::base_checksum;
use super::vectors::{VectorStore, VectorWriter, VectorsOrigin, key};
use crate::{Error, Result};

/// Documents of a file of vectors.
const SHARD: usize = 2048;

impl Oscar {
    /// Takes documents' vectors from `directory` from now on, where they are there; others are
    /// compressed as before. The compressor is not trained any more: stored vectors have no
    /// gradient.
    ///
    /// # Errors
    /// If the compressor reads the question or scores documents, the vectors are those of another
    /// compressor, or a file is damaged.
    pub fn attach_vectors(&self, directory: &Path) -> Result<()> {
        let store = VectorStore::open(directory, &self.origin()?)?;
        tracing::info!(directory = %store.directory().display(), documents = store.len(), "stored vectors opened");
        // Once attached, it stays the same.
        let _ = self.vectors.set(store);
        Ok(())
    }

    /// A writer of vectors of this compressor.
    ///
    /// # Errors
    /// As [`Oscar::attach_vectors`].
    pub(crate) fn vector_writer(&self, directory: &Path) -> Result<VectorWriter> {
        Ok(VectorWriter::open(directory, self.origin()?, SHARD)?)
    }

    /// The vectors of documents, each as the bytes of its bf16 numbers.
    ///
    /// # Errors
    /// Those of the compressor.
    pub(crate) fn vectors_in_bf16(&self, documents: &[Vec<u32>]) -> scaledown_sdk::Result<Vec<Vec<u8>>> {
        let pairs = PairBatch {
            ids: documents.to_vec(),
            memory_tokens: self.lengths.memory_tokens,
            relevance: false,
            widths: Widths::of_device(&self.model.device),
        };
        let data = no_grad(|| self.compute(&pairs, &mut ForwardMode::inference())?.vectors.cast(DType::BF16)?.to_data())?;
        let size = data.bytes().len() / documents.len().max(1);
        Ok(data.bytes().chunks_exact(size.max(1)).map(<[u8]>::to_vec).collect())
    }

    /// The vectors of a batch, from the store where it has them.
    pub(super) fn kept(&self, store: &VectorStore, pairs: &PairBatch) -> scaledown_sdk::Result<Compressed> {
        let failed = |error: super::vectors::VectorsError| SdkError::Weights(error.to_string());
        let mut found =
            pairs.ids.iter().map(|ids| store.read(key(ids))).collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
        let missing: Vec<Vec<u32>> =
            pairs.ids.iter().zip(&found).filter(|(_, vectors)| vectors.is_none()).map(|(ids, _)| ids.clone()).collect();
        if !missing.is_empty() {
            let mut computed = self.vectors_in_bf16(&missing)?.into_iter();
            found.iter_mut().filter(|vectors| vectors.is_none()).for_each(|vectors| *vectors = computed.next());
        }
        let bytes: Vec<u8> = found.into_iter().flatten().flatten().collect();
        let shape = [pairs.ids.len(), self.lengths.memory_tokens, self.model.generator.hidden_size()];
        let data = TensorData::new(TensorSpec::new(DType::BF16, shape), bytes)?;
        let vectors = self.model.device.upload(&data)?.cast(self.compressor_params.dtype())?;
        Ok(Compressed { vectors: vectors.slice(1, 0, pairs.memory_tokens)?, relevance: None })
    }

    /// Which compressor this is.
    fn origin(&self) -> Result<VectorsOrigin> {
        if self.lengths.query || self.relevance {
            let message = "vectors can be kept only of a compressor that does not read the question, and scores no documents: set \
                           compression.query = false and reranking.enabled = false";
            return Err(Error::usage(message));
        }
        let mut sum = base_checksum([&self.model.params])?.unwrap_or_default();
        for param in self.compressor_params.trainable() {
            sum = crc32c::crc32c_append(sum, param.name().as_bytes());
            // As they are saved, whatever type they are held in.
            sum = crc32c::crc32c_append(sum, param.tensor().detach().cast(DType::BF16)?.to_data()?.bytes());
        }
        Ok(VectorsOrigin {
            compressor: sum,
            memory_tokens: self.lengths.memory_tokens,
            hidden: self.model.generator.hidden_size(),
        })
    }
}
