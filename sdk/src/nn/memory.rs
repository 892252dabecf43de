//! Memory tokens and the RR token: what a compressor adds to a transformer (OSCAR, arXiv
//! 2504.07109, section 3).
//!
//! Each (query, document) pair is followed by `l` memory tokens and, where a relevance score is
//! wanted, one RR token. They have trainable embeddings of their own. The model's hidden states at
//! the memory tokens become the document's vectors, and a linear head on the state at the RR token
//! gives its relevance.

use super::{Init, Param, Params, Span};
use crate::component::PairBatch;
use crate::error::ResultExt;
use crate::tensor::{DType, Device, Tensor};
use crate::{Error, Result};

/// The embeddings of the memory tokens and of the RR token, and the relevance head.
///
/// Parameters under its path: `memory_embeddings [l, d]`, and with relevance
/// `relevance_embedding [1, d]`, `relevance_head.weight [1, d]` and `relevance_head.bias [1]`.
#[derive(Debug)]
pub struct MemoryTokens {
    embeddings: Param,
    /// What token embeddings are multiplied by.
    scale: f64,
    relevance: Option<Relevance>,
}

#[derive(Debug)]
struct Relevance {
    embedding: Param,
    weight: Param,
    bias: Param,
}

/// A batch of pairs as a model reads it: one row a pair, padded on the right.
#[derive(Debug)]
pub struct PairInput {
    /// The embeddings `[pairs, seq, d]` of each pair's tokens, memory tokens and RR token. Padding
    /// is finite, and must not be seen.
    pub embeddings: Tensor,
    /// The real positions of each row.
    pub spans: Vec<Span>,
    /// Where the memory tokens stand in each row, and after them the RR token if the batch has one:
    /// `pairs` rows of `n`. Nothing else of the model's final hidden states is read.
    pub places: Vec<Vec<usize>>,
    memory: usize,
}

impl MemoryTokens {
    /// `count` memory tokens, and an RR token if `relevance` is set, for a model with the token
    /// embeddings `table [vocabulary, d]`.
    ///
    /// New embeddings are normally distributed with the root mean square of the table: as long as
    /// what the model knows, and each different from the others. The head starts as PyTorch's
    /// linear layers do, with a bias of 0.
    ///
    /// # Errors
    /// If there are no memory tokens, or weights cannot be read.
    pub fn new(params: &Params, table: &Param, count: usize, relevance: bool) -> Result<Self> {
        MemoryTokens::beside_scaled(params, table, 1.0, count, relevance)
    }

    /// As [`MemoryTokens::new`], for a model that multiplies its token embeddings by `scale`
    /// ([`Embedding::scale`](super::Embedding::scale)); those of the memory tokens it reads as they
    /// are.
    ///
    /// # Errors
    /// As [`MemoryTokens::new`].
    pub fn beside_scaled(params: &Params, table: &Param, scale: f64, count: usize, relevance: bool) -> Result<Self> {
        if count == 0 {
            return Err(Error::Config("compression.memory_tokens must be at least 1, found 0".into()));
        }
        let (params, table) = (params.fresh(), table.tensor().detach());
        let table = if table.dtype().is_quantized() { table.cast(DType::F32)? } else { table };
        let hidden = table.shape().last();
        let init = Init::Normal(root_mean_square(&table)? * scale);
        let relevance = if relevance { Some(Relevance::new(&params, hidden, init)?) } else { None };
        Ok(MemoryTokens { embeddings: params.get("memory_embeddings", [count, hidden], init)?, scale, relevance })
    }

    /// The input embeddings of a batch: token embeddings from `table`, and these own ones after
    /// each pair's tokens.
    ///
    /// # Errors
    /// If the batch is empty, asks for more than these memory tokens or for an RR token that is not
    /// there, or an id is not in the table.
    pub fn embed(&self, table: &Param, batch: &PairBatch) -> Result<PairInput> {
        batch.check(self.count(), self.relevance.is_some())?;
        let layout = Layout::new(batch);
        let device = self.embeddings.tensor().device().clone();
        let mut ids: Vec<u32> = batch.ids.concat();
        // The embeddings of added ids are not read.
        let padded = batch.widths.width(ids.len());
        ids.resize(padded, ids.first().copied().unwrap_or(0));
        let tokens = table.tensor().embedding(&device.from_slice(&ids, [ids.len()])?).at("token embeddings")?;
        // Those of a quantised table, which a generator that is shared may have, come as f32.
        let mut tokens = tokens.cast(self.embeddings.tensor().dtype())?;
        if self.scale != 1.0 {
            tokens = tokens.affine(self.scale, 0.0)?;
        }
        let (memory, relevance) = (self.embeddings.tensor(), self.relevance.as_ref().map(|own| own.embedding.tensor()));
        let rows: Vec<&Tensor> = [&tokens, &memory].into_iter().chain(&relevance).collect();
        let embeddings = Tensor::concat(&rows, 0)?.embedding(&layout.sources(batch, ids.len(), self.count(), &device)?)?;
        Ok(PairInput { embeddings, spans: layout.spans(), places: layout.places(), memory: batch.memory_tokens })
    }

    /// The relevance `[pairs]` of each pair, if the batch asked for it: the head on the model's
    /// hidden state at the RR token, computed in f32. `states [pairs, n, d]` are those at the
    /// input's places.
    ///
    /// # Errors
    /// If the hidden states are not those of this input.
    pub fn relevance(&self, states: &Tensor, input: &PairInput) -> Result<Option<Tensor>> {
        let asked = input.places.first().is_some_and(|places| places.len() > input.memory);
        let Some(own) = self.relevance.as_ref().filter(|_| asked) else {
            return Ok(None);
        };
        let states = states.slice(1, input.memory, 1)?;
        let dtype = states.dtype().accumulator();
        let (weight, bias) = (own.weight.tensor().cast(dtype)?, own.bias.tensor().cast(dtype)?);
        states.cast(dtype)?.linear(&weight, Some(&bias)).at("relevance_head")?.reshape([input.spans.len()]).map(Some)
    }

    /// The number of memory tokens that there are embeddings for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.embeddings.tensor().dims()[0]
    }
}

impl Relevance {
    fn new(params: &Params, hidden: usize, init: Init) -> Result<Self> {
        let head = params.pp("relevance_head");
        Ok(Relevance {
            embedding: params.get("relevance_embedding", [1, hidden], init)?,
            weight: head.get("weight", [1, hidden], Init::Uniform(1.0 / (hidden.max(1) as f64).sqrt()))?,
            bias: head.get("bias", [1], Init::ZEROS)?,
        })
    }
}

impl PairInput {
    /// The memory tokens' part `[pairs, l, d]` of the model's hidden states `[pairs, n, d]` at the
    /// input's places.
    ///
    /// # Errors
    /// If the hidden states are not those of this input.
    pub fn memory_states(&self, states: &Tensor) -> Result<Tensor> {
        states.slice(1, 0, self.memory)
    }
}

fn root_mean_square(table: &Tensor) -> Result<f64> {
    Ok((Tensor::sum_squares(&[table])?.scalar()? / table.shape().count().max(1) as f64).sqrt())
}

/// Where everything stands: the number of tokens of each pair, and the length of the padded rows.
struct Layout {
    tokens: Vec<usize>,
    own: usize,
    length: usize,
}

impl Layout {
    fn new(batch: &PairBatch) -> Self {
        let tokens: Vec<usize> = batch.ids.iter().map(Vec::len).collect();
        let own = batch.memory_tokens + usize::from(batch.relevance);
        let length = batch.widths.width(tokens.iter().max().map_or(0, |longest| longest + own));
        Layout { tokens, own, length }
    }

    fn spans(&self) -> Vec<Span> {
        self.tokens.iter().map(|&tokens| Span::padded_right(tokens + self.own)).collect()
    }

    /// For each position `[pairs, length]` the row of its embedding: first `total` ids, those of
    /// all pairs, then `memory` memory tokens, then the RR token. Padding takes a memory token's,
    /// which always exists; no gradient comes back from there.
    fn sources(&self, batch: &PairBatch, total: usize, memory: usize, device: &Device) -> Result<Tensor> {
        let relevance = batch.relevance.then_some(total + memory);
        let mut first = 0;
        let mut sources = Vec::with_capacity(self.tokens.len() * self.length);
        for &tokens in &self.tokens {
            let row = (first..first + tokens).chain(total..total + batch.memory_tokens).chain(relevance);
            sources.extend(row.chain(std::iter::repeat(total)).take(self.length).map(|source| source as i64));
            first += tokens;
        }
        device.from_slice(&sources, [self.tokens.len(), self.length])
    }

    /// Where the tokens stand that a compressor adds.
    fn places(&self) -> Vec<Vec<usize>> {
        self.tokens.iter().map(|&tokens| (tokens..tokens + self.own).collect()).collect()
    }
}
