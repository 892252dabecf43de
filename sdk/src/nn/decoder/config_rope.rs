//! The rotary keys of a decoder's `config.json`: `rope_theta` and `rope_scaling`, or
//! `rope_parameters`, which newer files have. Where there are both, `rope_scaling` counts, as in
//! `transformers`.

use super::DecoderFamily;
use crate::Result;
use crate::nn::JsonKeys;
use crate::nn::rotary::RopeScaling;

/// How a decoder turns its heads.
pub(super) struct Rope {
    pub(super) theta: f64,
    pub(super) scaling: RopeScaling,
    /// The base in layers with a window, where it is another.
    pub(super) local_theta: Option<f64>,
    /// The part of a head that is turned.
    pub(super) part: f64,
}

impl Rope {
    pub(super) fn read(keys: &JsonKeys<'_>, family: DecoderFamily) -> Result<Self> {
        let gemma3 = family == DecoderFamily::Gemma3;
        let default = if gemma3 { 1_000_000.0 } else { 10_000.0 };
        let found = ["rope_scaling", "rope_parameters"].into_iter().find_map(|key| Some((key, keys.value(key)?)));
        let mut rope = Rope {
            theta: keys.positive("rope_theta")?.unwrap_or(default),
            scaling: RopeScaling::None,
            local_theta: if gemma3 { keys.positive("rope_local_base_freq")?.or(Some(10_000.0)) } else { None },
            part: keys.positive("partial_rotary_factor")?.unwrap_or(1.0),
        };
        let Some((key, value)) = found else { return rope.check(keys) };
        let path = format!("`{key}` in {}", keys.path());
        let table = JsonKeys::new(value, &path)?;
        let [full, sliding] = ["full_attention", "sliding_attention"].map(|kind| table.value(kind));
        if full.is_none() && sliding.is_none() {
            rope.read_table(&table, keys)?;
            return rope.check(&table);
        }
        for (value, kind) in [(full, "full_attention"), (sliding, "sliding_attention")] {
            let Some(value) = value else { continue };
            let path = format!("`{key}.{kind}` in {}", keys.path());
            let table = JsonKeys::new(value, &path)?;
            match kind {
                "full_attention" => rope.read_table(&table, keys)?,
                // Local layers are not stretched.
                _ if table.text("rope_type")?.is_some_and(|kind| kind != "default") => {
                    return Err(table.invalid("rope_type", "default"));
                }
                _ => rope.local_theta = table.positive("rope_theta")?.or(rope.local_theta),
            }
        }
        rope.check(&table)
    }

    fn read_table(&mut self, table: &JsonKeys<'_>, keys: &JsonKeys<'_>) -> Result<()> {
        self.theta = table.positive("rope_theta")?.unwrap_or(self.theta);
        self.part = table.positive("partial_rotary_factor")?.unwrap_or(self.part);
        self.scaling = scaling(table, keys)?;
        Ok(())
    }

    fn check(self, keys: &JsonKeys<'_>) -> Result<Self> {
        if self.part > 1.0 {
            return Err(keys.invalid("partial_rotary_factor", "a number greater than 0, and at most 1"));
        }
        Ok(self)
    }
}

/// How frequencies are stretched; `keys` are those of the whole file.
fn scaling(rope: &JsonKeys<'_>, keys: &JsonKeys<'_>) -> Result<RopeScaling> {
    let kind_key = if rope.value("rope_type").is_some() { "rope_type" } else { "type" };
    let required = |key: &str| rope.positive(key)?.ok_or_else(|| rope.invalid(key, "a number greater than 0"));
    Ok(match rope.text(kind_key)? {
        None | Some("default") => RopeScaling::None,
        Some("linear") => RopeScaling::Linear { factor: required("factor")? },
        Some("llama3") => RopeScaling::Llama3 {
            factor: required("factor")?,
            low_freq_factor: required("low_freq_factor")?,
            high_freq_factor: required("high_freq_factor")?,
            original_context: required("original_max_position_embeddings")?,
        },
        // What Phi-3 called it first.
        Some("longrope" | "su") => long_rope(rope, keys)?,
        Some(_) => return Err(rope.invalid(kind_key, "default, linear, llama3 or longrope")),
    })
}

/// LongRoPE (Ding et al. 2024, arXiv 2402.13753) within the original context.
fn long_rope(rope: &JsonKeys<'_>, keys: &JsonKeys<'_>) -> Result<RopeScaling> {
    let key = "original_max_position_embeddings";
    let original = rope.positive(key)?.or(keys.positive(key)?).ok_or_else(|| keys.invalid(key, "a positive integer"))?;
    let stretch = rope.positive("factor")?.or(keys.positive("max_position_embeddings")?.map(|longest| longest / original));
    let stretch = stretch.unwrap_or(1.0);
    let default = if stretch <= 1.0 { 1.0 } else { (1.0 + stretch.ln() / original.ln()).sqrt() };
    let factors = rope.value("short_factor").and_then(|value| value.as_array()?.iter().map(|factor| factor.as_f64()).collect());
    let factors: Vec<f64> = factors.ok_or_else(|| rope.invalid("short_factor", "a list of numbers"))?;
    if factors.iter().any(|&factor| factor <= 0.0) {
        return Err(rope.invalid("short_factor", "a list of numbers greater than 0"));
    }
    Ok(RopeScaling::Long {
        factors: factors.into(),
        magnitude: rope.positive("attention_factor")?.unwrap_or(default),
        original_context: original,
    })
}
