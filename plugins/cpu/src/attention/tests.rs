//! Both passes against dense loops in f64.

use proptest::prelude::*;
use scaledown_sdk::tensor::{AttentionSpec, uniform_bits};

use super::{AttentionGradient, Mask, Shape, backward, decode, forward};

fn numbers(len: usize, seed: u64) -> Vec<f64> {
    (0..len as u64).map(|i| f64::from(uniform_bits(seed, i)) / 8_388_608.0 - 1.0).collect()
}

fn close(found: &[f64], expected: &[f64]) -> std::result::Result<(), TestCaseError> {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        prop_assert!(found == expected || (found - expected).abs() < 1e-9, "element {i}: {found}, expected {expected}");
    }
    Ok(())
}

/// Which keys each query sees, `[batch, queries, keys]`, straight from the contract.
fn seen(spec: &AttentionSpec, shape: Shape, spans: Option<&[i64]>, positions: Option<(&[i64], &[i64])>) -> Vec<bool> {
    let mut seen = Vec::new();
    for b in 0..shape.batch {
        let span = spans.map(|spans| &spans[3 * b..3 * b + 3]);
        for i in 0..shape.queries {
            for j in 0..shape.keys {
                let (p, r) = match positions {
                    Some((q, k)) => (q[b * shape.queries + i], k[b * shape.keys + j]),
                    None => (span.map_or(shape.keys as i64 - shape.queries as i64, |span| span[2]) + i as i64, j as i64),
                };
                let near = spec.window.is_none_or(|window| (p - r).unsigned_abs() as usize <= window);
                let real = span.is_none_or(|span| (span[0]..span[0] + span[1]).contains(&(j as i64)));
                seen.push(real && (!spec.causal || r <= p) && near);
            }
        }
    }
    seen
}

/// Output, log-sum-exp and the gradients of queries, keys and values for the gradient `grad` of the
/// output.
fn reference(shape: Shape, seen: &[bool], scale: f64, [q, k, v, grad]: [&[f64]; 4]) -> (Vec<f64>, Vec<f64>, [Vec<f64>; 3]) {
    let (mut out, mut lse) = (vec![0.0; q.len()], Vec::new());
    let mut gradients = [vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for b in 0..shape.batch {
        for h in 0..shape.heads {
            for i in 0..shape.queries {
                let at = shape.query_at(b, i, h);
                let key = |j: usize| shape.key_at(b, j, h / shape.repeats());
                let row = |data: &[f64], at: usize| data[at..at + shape.size].to_vec();
                let visible: Vec<usize> = (0..shape.keys).filter(|j| seen[(b * shape.queries + i) * shape.keys + j]).collect();
                let scores: Vec<f64> = visible.iter().map(|&j| scale * dot(&row(q, at), &row(k, key(j)))).collect();
                let total: f64 = scores.iter().map(|s| s.exp()).sum();
                lse.push(total.ln());
                let weights: Vec<f64> = scores.iter().map(|s| s.exp() / total).collect();
                let slopes: Vec<f64> = visible.iter().map(|&j| dot(&row(grad, at), &row(v, key(j)))).collect();
                let mean: f64 = dot(&weights, &slopes);
                for (n, &j) in visible.iter().enumerate() {
                    let dscore = weights[n] * (slopes[n] - mean) * scale;
                    for c in 0..shape.size {
                        out[at + c] += weights[n] * v[key(j) + c];
                        gradients[0][at + c] += dscore * k[key(j) + c];
                        gradients[1][key(j) + c] += dscore * q[at + c];
                        gradients[2][key(j) + c] += weights[n] * grad[at + c];
                    }
                }
            }
        }
    }
    (out, lse, gradients)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn attention_matches_loops(
        batch in 1usize..3,
        queries in prop_oneof![Just(1usize), 2usize..6, 60usize..70],
        keys in 1usize..90,
        groups in 1usize..3,
        repeats in 1usize..3,
        size in 1usize..6,
        causal: bool,
        window in proptest::option::of(0usize..20),
        spanned in proptest::option::of((0i64..8, 0i64..90, -3i64..90)),
        positioned: bool,
    ) {
        let shape = Shape { batch, queries, keys, heads: groups * repeats, groups, size };
        let spec = AttentionSpec { scale: 0.7, causal, window, spans: spanned.is_some(), positions: positioned };
        let spans = spanned.map(|(start, len, first)| (0..batch as i64).flat_map(|b| [start + b, len, first - b]).collect::<Vec<_>>());
        let spans = spans.as_deref();
        // Keys out of order, and queries that stand among them, or before.
        let positions = positioned.then(|| {
            let position = |j: usize| (j * 5 % 11 + j) as i64 - 3;
            let keys: Vec<i64> = (0..batch * keys).map(|j| position(j % keys)).collect();
            let queries: Vec<i64> = (0..batch * queries).map(|i| (i % queries) as i64 - 2).collect();
            (queries, keys)
        });
        let positions = positions.as_ref().map(|(queries, keys)| (&queries[..], &keys[..]));
        let mask = Mask::new(&spec, shape, spans, positions);
        let query_len = batch * queries * shape.heads * size;
        let key_len = batch * keys * groups * size;
        let (q, k, v, grad) = (numbers(query_len, 1), numbers(key_len, 2), numbers(key_len, 3), numbers(query_len, 4));
        let seen = seen(&spec, shape, spans, positions);
        let (out, lse, gradients) = reference(shape, &seen, spec.scale, [&q, &k, &v, &grad]);

        let mut found = (vec![f64::NAN; query_len], vec![f64::NAN; batch * shape.heads * queries]);
        forward(shape, &mask, spec.scale, (&q, &k, &v), &mut found.0, &mut found.1);
        close(&found.0, &out)?;
        close(&found.1, &lse)?;
        if queries == 1 {
            let mut decoded = (vec![f64::NAN; query_len], vec![f64::NAN; lse.len()]);
            decode(shape, &mask, spec.scale, (&q, &k, &v), &mut decoded.0, &mut decoded.1);
            close(&decoded.0, &out)?;
            close(&decoded.1, &lse)?;
        }

        let [mut dq, mut dk, mut dv] = [vec![f64::NAN; query_len], vec![f64::NAN; key_len], vec![f64::NAN; key_len]];
        let saved = AttentionGradient { q: &q, k: &k, v: &v, out: &found.0, lse: &found.1, grad: &grad };
        backward(shape, &mask, spec.scale, saved, (&mut dq, &mut dk, &mut dv));
        close(&dq, &gradients[0])?;
        close(&dk, &gradients[1])?;
        close(&dv, &gradients[2])?;
    }
}
