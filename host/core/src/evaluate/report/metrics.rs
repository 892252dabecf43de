//! The content of `metrics.json`.

use serde::{Deserialize, Serialize};

use crate::evaluate::metrics::{AnswerScores, KeptFacts, PairedTest};

/// Everything that a run measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The compressed model before training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<AnswerScores>,
    /// The compressed model after training.
    pub after: AnswerScores,
    /// The same generator reading the full documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncompressed: Option<AnswerScores>,
    /// The same generator without any document: what can be guessed from the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_documents: Option<AnswerScores>,
    /// Time and FLOPs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
    /// The training, if the run had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
    /// The questions that the scores are means over.
    pub examples: u64,
    /// The relevance scores against the teacher's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Ranking>,
    /// The documents' tokens over the vectors that replace them: the rate that was achieved, not
    /// the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression_rate: Option<f64>,
    /// The documents that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<ReadDocuments>,
    /// The F1 of compressed answers less that of answers from full documents, question by question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_f1: Option<PairedTest>,
    /// The numbers and names of right answers that the answers hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_facts: Option<KeptFacts>,
    /// The most memory in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<Memory>,
    /// The run's stages, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSummary>,
    /// Where it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// The documents that answers were made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadDocuments {
    /// All of them, counted for each question.
    pub documents: u64,
    /// Those that are longer than what is read of a document.
    pub cut: u64,
    /// The tokens that were read.
    pub tokens: u64,
    /// The vectors that replaced them.
    pub vectors: u64,
}

/// What one question costs, compressed and uncompressed: as
/// [`measure_speed`](crate::evaluate::measure_speed) takes it, in turn and warm on both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// With compression.
    pub compressed: PhaseCosts,
    /// Reading the full documents.
    pub uncompressed: PhaseCosts,
    /// The uncompressed median of the total time over the compressed one.
    pub speedup: f64,
    /// How it was measured, such as
    /// `batch 1, 5 documents, 32 new tokens, median of 10 runs over 10 questions`.
    #[serde(default)]
    pub protocol: String,
}

/// The costs of one question by phase. Times are in milliseconds, FLOPs in 10^12
/// floating-point operations; each is the median over the runs, so the phases' times need not add
/// up to the total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseCosts {
    /// Time of the compressor.
    pub compress_ms: f64,
    /// Time until the first token's logits.
    pub prefill_ms: f64,
    /// Time of all further tokens.
    pub decode_ms: f64,
    /// Time of all phases.
    pub total_ms: f64,
    /// FLOPs of all phases.
    pub tflop: f64,
    /// FLOPs of the compressor.
    pub compress_tflop: f64,
    /// FLOPs of the prefill.
    pub prefill_tflop: f64,
    /// FLOPs of all further tokens.
    pub decode_tflop: f64,
    /// Questions answered in a second, in one batch of the evaluation's size; the median of three
    /// runs after one that does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries_per_second: Option<f64>,
}

/// A training, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// Optimizer steps.
    pub steps: u64,
    /// Wall time.
    pub seconds: f64,
    /// The loss at the end.
    pub final_loss: f64,
}

/// How well the relevance head orders documents, with the teacher's scores as the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// nDCG over the first ten documents.
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// The mean reciprocal rank of the teacher's favourite.
    pub mrr: f64,
    /// The questions that were ranked.
    pub queries: u64,
}

/// Peak memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// With compression.
    pub compressed: u64,
    /// Reading the full documents.
    pub uncompressed: u64,
    /// Of the training, if the run had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<u64>,
}

/// One stage of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// Its name.
    pub name: String,
    /// A description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Optimizer steps; none for a stage that does not train.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Wall time.
    pub seconds: f64,
    /// The loss at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_loss: Option<f64>,
    /// Exact match of the model that came out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub em: Option<f64>,
}

/// Where a run took place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// This program's version.
    pub version: String,
    /// The device that tensors lived on.
    pub device: String,
    /// The processor's name.
    pub processor: String,
    /// Processor cores that the program could use.
    pub threads: usize,
    /// The machine's memory.
    pub memory_bytes: u64,
    /// The operating system and architecture.
    pub system: String,
}

impl Environment {
    /// Describes this machine; `device` is the configured device.
    pub fn detect(device: impl Into<String>) -> Self {
        use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
        let kinds =
            RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
        // Unknown properties are omitted.
        let system = System::new_with_specifics(kinds).ok();
        let processor = system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim().to_owned());
        Environment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.into(),
            processor: processor.unwrap_or_default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: system.map_or(0, |system| system.total_memory()),
            system: format!("{} {}", System::long_os_version().unwrap_or_default(), std::env::consts::ARCH),
        }
    }
}
