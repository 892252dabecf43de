//! Disentangled self-attention.

use super::DebertaConfig;
use super::config::Relative;
use super::relative::shift;
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params};
use crate::tensor::{Device, Tensor};

/// Attention whose scores are `q k + q kr[i - j] + qr[i - j] k`, where `kr` and `qr` are
/// projections of the embeddings of distances.
///
/// Parameters under its path: `query_proj`, `key_proj`, `value_proj`, and `pos_key_proj`,
/// `pos_query_proj` unless shared. The model is frozen, so that the embeddings of distances are
/// projected once, when it is made.
#[derive(Debug)]
pub(super) struct DebertaAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    /// `[2 * span, hidden]`, attended to by contents.
    position_keys: Option<Tensor>,
    /// `[2 * span, hidden]`, attending to contents; scaled as queries are.
    position_queries: Option<Tensor>,
    heads: usize,
    scale: f64,
}

/// The shared state of all layers in one forward pass that reads the states of `queries` of `keys`
/// tokens.
#[derive(Debug)]
pub(super) struct RelativeIndex {
    /// The rows of the embeddings for the distances from `queries - 1` down to `1 - keys`.
    descending: Tensor,
    /// The rows for the distances from `1 - keys` up to `queries - 1`.
    ascending: Tensor,
    /// The additive mask of the scores, `[1, batch, 1, keys]`: very negative at padding.
    mask: Option<Tensor>,
}

impl RelativeIndex {
    /// The places of a batch whose rows have `lengths` real tokens of `keys`.
    pub(super) fn new(
        relative: Option<&Relative>,
        queries: usize,
        keys: usize,
        lengths: &[usize],
        device: &Device,
    ) -> Result<Self> {
        let distances = 1 - keys as i64..queries as i64;
        let rows: Vec<u32> = distances.map(|distance| relative.map_or(0, |relative| relative.row(distance))).collect();
        let reversed: Vec<u32> = rows.iter().rev().copied().collect();
        let mask: Vec<f32> =
            lengths.iter().flat_map(|&real| (0..keys).map(move |at| if at < real { 0.0 } else { -1e30 })).collect();
        let ragged = lengths.iter().any(|&real| real < keys);
        Ok(RelativeIndex {
            descending: device.from_slice(&reversed, [rows.len()])?,
            ascending: device.from_slice(&rows, [rows.len()])?,
            mask: if ragged { Some(device.from_slice(&mask, [1, lengths.len(), 1, keys])?) } else { None },
        })
    }
}

impl DebertaAttention {
    /// `embeddings [2 * span, hidden]` are those of the distances.
    pub(super) fn new(config: &DebertaConfig, embeddings: Option<&Tensor>, params: &Params) -> Result<Self> {
        let hidden = config.hidden_size;
        let linear = |name: &str| Linear::new(&params.pp(name), hidden, hidden, true);
        let (query, key) = (linear("query_proj")?, linear("key_proj")?);
        let relative = config.relative.as_ref();
        let kinds =
            relative.map_or(0, |relative| usize::from(relative.content_to_position) + usize::from(relative.position_to_content));
        let scale = 1.0 / ((hidden / config.heads * (1 + kinds)) as f64).sqrt();
        let project = |shared: &Linear, name: &str, embeddings: &Tensor| {
            let own = || linear(name)?.forward(embeddings, &mut ForwardMode::inference()).at(name);
            let shares = relative.is_some_and(|relative| relative.shared_projections);
            if shares { shared.forward(embeddings, &mut ForwardMode::inference()) } else { own() }
        };
        let wanted = |wants: fn(&Relative) -> bool| embeddings.filter(|_| relative.is_some_and(wants));
        let position_keys = wanted(|relative| relative.content_to_position)
            .map(|embeddings| project(&key, "pos_key_proj", embeddings))
            .transpose()?;
        let position_queries = wanted(|relative| relative.position_to_content)
            .map(|embeddings| project(&query, "pos_query_proj", embeddings)?.affine(scale, 0.0))
            .transpose()?;
        Ok(DebertaAttention {
            query,
            key,
            value: linear("value_proj")?,
            position_keys,
            position_queries,
            heads: config.heads,
            scale,
        })
    }

    /// What the tokens `at [batch, queries, hidden]` attend to in `x [batch, keys, hidden]`:
    /// `[batch, queries, hidden]`.
    pub(super) fn forward(&self, at: &Tensor, x: &Tensor, places: &RelativeIndex) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        let (hidden, size) = (x.shape().last(), x.shape().last() / self.heads);
        let (batch, queries, keys) = (x.dims()[0], at.dims()[1], x.dims()[1]);
        // Heads come first, so that all rows of a batch meet the positions of a head in one
        // product.
        let split = |y: &Tensor, len| y.reshape([batch, len, self.heads, size])?.permute([2, 0, 1, 3]);
        let q = split(&self.query.forward(at, &mut forward).at("query_proj")?.affine(self.scale, 0.0)?, queries)?;
        let k = split(&self.key.forward(x, &mut forward).at("key_proj")?, keys)?;
        let v = split(&self.value.forward(x, &mut forward).at("value_proj")?, keys)?;
        let mut scores = q.matmul_transposed(&k, false, true)?;
        if let Some(table) = &self.position_keys {
            let products = self.with_distances(&q, table, &places.descending)?;
            scores = scores.add(&shift(&products, keys)?)?;
        }
        if let Some(table) = &self.position_queries {
            let products = self.with_distances(&k, table, &places.ascending)?;
            scores = scores.add(&shift(&products, queries)?.permute([0, 1, 3, 2])?)?;
        }
        if let Some(mask) = &places.mask {
            scores = scores.add(mask)?;
        }
        let mixed = scores.softmax()?.matmul(&v)?.permute([1, 2, 0, 3])?;
        mixed.reshape([batch, queries, hidden])
    }

    /// The products of `x [heads, batch, len, size]` with the rows of `table [.., hidden]`:
    /// `[heads, batch, len, rows]`.
    fn with_distances(&self, x: &Tensor, table: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let &[heads, batch, len, size] = x.dims() else { return Ok(x.clone()) };
        let distances = rows.shape().count();
        let table = table.embedding(rows)?.reshape([distances, heads, size])?.permute([1, 0, 2])?;
        let products = x.reshape([heads, batch * len, size])?.matmul_transposed(&table, false, true)?;
        products.reshape([heads, batch, len, distances])
    }
}
