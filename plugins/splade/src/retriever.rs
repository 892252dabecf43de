//! The retriever: the encoder over a sparse index on disk.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin, SparseEncoder};
use scaledown_sdk::files::{FileKind, open_regular, read_bytes};
use scaledown_sdk::{Error, Result};
use scaledown_sparse_index::{Builder, Duplicates, IndexSettings, SparseIndex, StoredWeights};
use serde::{Deserialize, Serialize};

use crate::encoder::Splade;
use crate::retriever_config::{SpladeRetrieverConfig, Stored};

/// The fingerprint of the index's encoder, in a file next to it.
const ENCODER: &str = "ENCODER.json";

/// Documents encoded at a time: enough for batches of similar lengths.
const BATCH: usize = 512;

/// Finds documents by the product of their sparse vectors with the query's.
pub struct SpladeRetriever {
    encoder: Splade,
    identity: Identity,
    settings: IndexSettings,
    directory: PathBuf,
    index: Option<SparseIndex>,
}

/// The properties that distinguish encoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Identity {
    /// The checksum of the model's weights and tokenizer.
    model: String,
    max_length: Option<usize>,
    threshold: f32,
    document_terms: Option<usize>,
    special_terms: bool,
}

impl RetrieverPlugin for SpladeRetriever {
    type Config = SpladeRetrieverConfig;

    fn build(config: SpladeRetrieverConfig, context: RetrieverContext) -> Result<Self> {
        let encoder = Splade::new(&config.encoder, &context.device)?;
        let identity = Identity {
            model: checksum(&config.encoder.model)?,
            max_length: config.encoder.max_length,
            threshold: config.encoder.threshold,
            document_terms: config.encoder.document_terms,
            special_terms: config.encoder.special_terms,
        };
        let weights = match config.weights {
            Stored::U8 => StoredWeights::default(),
            Stored::F16 => StoredWeights::Half,
        };
        let settings =
            IndexSettings { weights, memory: config.memory << 20, duplicates: Duplicates::Replace, ..IndexSettings::default() };
        let directory = context.directory;
        let index = open(&directory)?;
        if index.is_some() {
            let path = directory.join(ENCODER);
            let text = read_bytes(&path, FileKind::Manifest).map_err(|error| Error::io(&path, error))?;
            let made_by: Identity = serde_json::from_slice(&text)
                .map_err(|error| Error::Config(format!("{}: damaged: {error}; rebuild the index", path.display())))?;
            if made_by != identity {
                return Err(Error::Config(format!(
                    "{}: the index was built by another encoder (model, lengths or thresholds); rebuild the index",
                    directory.display()
                )));
            }
        }
        Ok(SpladeRetriever { encoder, identity, settings, directory, index })
    }
}

/// The index of a directory, if it has one.
fn open(directory: &Path) -> Result<Option<SparseIndex>> {
    match SparseIndex::open(directory) {
        Ok(index) => Ok(Some(index)),
        Err(scaledown_sparse_index::Error::Missing { .. }) => Ok(None),
        Err(error) => Err(message(&error)),
    }
}

/// The checksum of what a model's vectors depend on: its weights, its shape and its tokenizer.
fn checksum(model: &Path) -> Result<String> {
    let listed = std::fs::read_dir(model).map_err(|error| Error::io(model, error))?;
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".safetensors") || name == "tokenizer.json" || name == "config.json"
    };
    let mut parts: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).filter(is_part).collect();
    parts.sort();
    let mut sum = 0;
    for path in parts {
        let file = open_regular(&path).map_err(|error| Error::io(&path, error))?;
        let mut reader = std::io::BufReader::with_capacity(1 << 20, file);
        loop {
            let bytes = std::io::BufRead::fill_buf(&mut reader).map_err(|error| Error::io(&path, error))?;
            if bytes.is_empty() {
                break;
            }
            sum = crc32c::crc32c_append(sum, bytes);
            let read = bytes.len();
            std::io::BufRead::consume(&mut reader, read);
        }
    }
    Ok(format!("crc32c:{sum:08x}"))
}

/// The best `k` of each query, equal ones in the order of their ids. The index orders those by when
/// they were added, which depends on its history: more are asked for until all of the last score
/// are there.
fn best(index: &SparseIndex, queries: &[Vec<(u32, f32)>], k: usize) -> Result<Vec<Vec<Hit>>> {
    let documents = usize::try_from(index.documents()).unwrap_or(usize::MAX);
    let k = k.min(documents);
    let mut best = vec![Vec::new(); queries.len()];
    let mut open: Vec<usize> = if k == 0 { Vec::new() } else { (0..queries.len()).collect() };
    let mut limit = k + 1;
    while !open.is_empty() {
        let mut tied = Vec::new();
        for (&query, mut hits) in open.iter().zip(found(index, queries, &open, limit)?) {
            if limit < documents && hits.len() == limit && hits[limit - 1].score >= hits[k - 1].score {
                tied.push(query);
                continue;
            }
            hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
            hits.truncate(k);
            best[query] = hits.into_iter().map(|hit| Hit { id: hit.id, score: hit.score }).collect();
        }
        open = tied;
        limit = limit.saturating_mul(4).min(documents);
    }
    Ok(best)
}

/// The `limit` best of the queries of these numbers, in the index's own order.
fn found(
    index: &SparseIndex,
    queries: &[Vec<(u32, f32)>],
    numbers: &[usize],
    limit: usize,
) -> Result<Vec<Vec<scaledown_sparse_index::DocumentHit>>> {
    let asked: Vec<&[(u32, f32)]> = numbers.iter().map(|&number| queries[number].as_slice()).collect();
    match asked.as_slice() {
        [only] => Ok(vec![index.search_wide(only, limit).map_err(|error| message(&error))?]),
        all => index.search_batch(all, limit).map_err(|error| message(&error)),
    }
}

fn message(error: &scaledown_sparse_index::Error) -> Error {
    use scaledown_sparse_index::Error as IndexError;
    Error::Input(match error {
        IndexError::Damaged { .. } | IndexError::Foreign { .. } | IndexError::Version { .. } => {
            format!("{error} (`scaledown index build --overwrite` does)")
        }
        other => other.to_string(),
    })
}

impl SpladeRetriever {
    fn add(&self, builder: &mut Builder, documents: &[Document]) -> Result<()> {
        let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
        for (document, vector) in documents.iter().zip(self.encoder.encode_documents(&texts)?) {
            builder.add(&document.id, &vector.0).map_err(|error| message(&error))?;
        }
        Ok(())
    }

    fn opened(&self) -> Result<&SparseIndex> {
        self.index.as_ref().ok_or_else(|| {
            Error::Input(format!("{} contains no index; build one with `scaledown index build`", self.directory.display()))
        })
    }

    /// Writes down what the vectors are made by, before there is an index that could be taken for
    /// another encoder's.
    fn record_encoder(&self) -> Result<()> {
        let path = self.directory.join(ENCODER);
        std::fs::create_dir_all(&self.directory).map_err(|error| Error::io(&self.directory, error))?;
        let text = serde_json::to_vec_pretty(&self.identity).map_err(|error| Error::Input(error.to_string()))?;
        std::fs::write(&path, text).map_err(|error| Error::io(&path, error))
    }
}

impl Retriever for SpladeRetriever {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let mut builder = match &self.index {
            Some(_) => Builder::append(&self.directory, &self.settings),
            None => {
                self.record_encoder()?;
                Builder::create(&self.directory, &self.settings)
            }
        }
        .map_err(|error| message(&error))?;
        let (mut read, mut batch) = (0, Vec::with_capacity(BATCH));
        for document in documents {
            batch.push(document?);
            read += 1;
            if batch.len() == BATCH {
                self.add(&mut builder, &batch)?;
                batch.clear();
            }
        }
        self.add(&mut builder, &batch)?;
        builder.finish().map_err(|error| message(&error))?;
        self.index = open(&self.directory)?;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let index = self.opened()?;
        let vectors: Vec<Vec<(u32, f32)>> = self.encoder.encode_queries(queries)?.into_iter().map(|vector| vector.0).collect();
        best(index, &vectors, k)
    }

    fn all_or_nothing(&self) -> bool {
        true
    }

    fn verify(&self) -> Result<()> {
        self.opened()?.verify().map_err(|error| message(&error))
    }

    fn stats(&self) -> Vec<(String, String)> {
        let Some(info) = self.index.as_ref().map(SparseIndex::info) else { return Vec::new() };
        let per_posting = info.bytes as f64 / info.postings.max(1) as f64;
        let stats = [
            ("documents", info.documents.to_string()),
            ("deleted documents", info.deleted.to_string()),
            ("postings", info.postings.to_string()),
            ("bytes per posting", format!("{per_posting:.2}")),
            ("segments", info.segments.to_string()),
            ("maximum weight error", largest_error(&info)),
            ("mean weight error", format!("{:.2} %", 100.0 * info.quantisation.mean_relative_error)),
        ];
        stats.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The largest error of a weight: relative, but for weights that are less than what is stored with
/// a relative error, of which it says nothing.
fn largest_error(info: &scaledown_sparse_index::Info) -> String {
    /// The maximum rounding error of five fraction bits.
    const NORMAL: f64 = 1.0 / 64.0;
    let largest = info.quantisation.max_relative_error;
    match info.weights {
        StoredWeights::Eight { ceiling } if largest > NORMAL => format!(
            "at most {:.4} for weights below {:.4}, at most {:.2} % above",
            ceiling / 4096.0,
            ceiling / 128.0,
            100.0 * NORMAL
        ),
        _ => format!("{:.2} %", 100.0 * largest),
    }
}
