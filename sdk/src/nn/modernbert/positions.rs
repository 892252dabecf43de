//! Position-dependent inputs: visible keys and rotary angles. Made once a
//! forward pass.

use super::{AttentionKind, ModernBertConfig};
use crate::nn::decoder::{PositionInfo, TokenSelection};
use crate::nn::{Params, RopeScaling, Rotary, Span};
use crate::tensor::Device;
use crate::{Error, Result};

/// The rotary embeddings of global and of local layers, whose frequencies differ.
#[derive(Debug)]
pub(super) struct Rotaries {
    global: Rotary,
    local: Rotary,
    max_positions: usize,
}

/// The positions of a padded batch, as each kind of layer needs them.
#[derive(Clone, Debug)]
pub(super) struct Positions {
    global: PositionInfo,
    local: PositionInfo,
}

impl Rotaries {
    pub(super) fn new(config: &ModernBertConfig, params: &Params) -> Self {
        let rotary = |theta| Rotary::new(config.head_size(), theta, RopeScaling::None, params.device(), params.dtype());
        Rotaries {
            global: rotary(config.global_rope_theta),
            local: rotary(config.local_rope_theta),
            max_positions: config.max_positions,
        }
    }

    /// The positions of a batch of `shape = [batch, seq]` whose real tokens are in `spans`.
    ///
    /// # Errors
    /// If the spans are of another batch, or the batch is longer than the model can read.
    pub(super) fn positions(&self, spans: &[Span], shape: [usize; 2], device: &Device) -> Result<Positions> {
        let longest = spans.iter().map(|span| span.end()).max().unwrap_or(0);
        if longest > self.max_positions {
            let message = format!("a text of {longest} tokens is too long: the encoder's maximum is {}", self.max_positions);
            return Err(Error::Input(message));
        }
        let global = PositionInfo::bidirectional(spans, shape, &self.global, device)?;
        let local = PositionInfo { rotation: self.local.range(0, shape[1])?, spans: global.spans.clone(), positions: None };
        Ok(Positions { global, local })
    }

    /// The `places` to read of such a batch, as a layer of this `reach` needs them.
    ///
    /// # Errors
    /// If there are not as many places in each row, or one lies outside.
    pub(super) fn readout(
        &self,
        places: &[Vec<usize>],
        spans: &[Span],
        width: usize,
        reach: AttentionKind,
    ) -> Result<TokenSelection> {
        let rotary = match reach {
            AttentionKind::Full => &self.global,
            AttentionKind::Sliding => &self.local,
        };
        TokenSelection::new(places, spans, width, rotary)
    }
}

impl Positions {
    pub(super) fn of(&self, reach: AttentionKind) -> &PositionInfo {
        match reach {
            AttentionKind::Full => &self.global,
            AttentionKind::Sliding => &self.local,
        }
    }
}
