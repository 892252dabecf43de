//! From the greatest logits of a text to its terms.

use scaledown_sdk::component::SparseVector;

/// Which terms of a text are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Drops terms with weights up to this threshold.
    pub(crate) threshold: f32,
    /// The maximum number of terms.
    pub(crate) most: Option<usize>,
    /// Terms that are never kept, ascending.
    pub(crate) excluded: Vec<u32>,
}

impl Selection {
    /// The terms of a text whose greatest logits are these, of weight `log(1 + relu(logit))`. That
    /// grows with the logit, so that the weight of the greatest logit is the greatest weight. Of
    /// equal weights, the lower term is kept.
    pub(crate) fn terms(&self, logits: &[f32]) -> SparseVector {
        let weighted = (0_u32..).zip(logits).map(|(term, logit)| (term, logit.max(0.0).ln_1p()));
        let above = weighted.filter(|&(_, weight)| weight > self.threshold.max(0.0) && weight.is_finite());
        let mut terms: Vec<_> = above.filter(|(term, _)| self.excluded.binary_search(term).is_err()).collect();
        if let Some(most) = self.most.filter(|&most| most < terms.len()) {
            terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            terms.truncate(most);
            terms.sort_by_key(|&(term, _)| term);
        }
        SparseVector(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 6] = [1.0, -2.0, 3.0, 0.0, 1.0, f32::NAN];

    #[test]
    fn weights_are_the_logarithms_of_positive_logits() {
        let found = Selection::default().terms(&LOGITS);
        assert_eq!(found.0, [(0, 2.0_f32.ln()), (2, 4.0_f32.ln()), (4, 2.0_f32.ln())]);
    }

    #[test]
    fn the_greatest_are_kept_and_sorted_by_term() {
        let kept = |most, threshold, excluded: &[u32]| {
            let selection = Selection { threshold, most, excluded: excluded.to_vec() };
            selection.terms(&LOGITS).0.into_iter().map(|(term, _)| term).collect::<Vec<_>>()
        };
        assert_eq!(kept(Some(2), 0.0, &[]), [0, 2]);
        assert_eq!(kept(None, 1.0, &[]), [2]);
        assert_eq!(kept(None, 0.0, &[0, 2]), [4]);
        assert!(kept(Some(0), 0.0, &[]).is_empty());
    }
}
