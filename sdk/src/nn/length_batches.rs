//! Sequences put together with others of about their length, so that little is computed for
//! padding.

/// The indices of sequences of these `lengths` in batches, longest first: padded to its longest
/// sequence, a batch has at most `most_tokens` tokens, or one sequence. Every index is in one
/// batch.
#[must_use]
pub fn length_batches(lengths: &[usize], most_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(lengths[index]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in order {
        match batches.last_mut() {
            Some(batch) if lengths[batch[0]] * (batch.len() + 1) <= most_tokens => batch.push(index),
            _ => batches.push(vec![index]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_like_lengths_and_no_more_tokens_than_allowed() {
        assert_eq!(length_batches(&[3, 9, 4, 3, 20], 9), [vec![4], vec![1], vec![2, 0], vec![3]]);
        assert!(length_batches(&[], 9).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn every_sequence_is_in_one_batch_within_bounds(lengths in proptest::collection::vec(1usize..50, 0..40), most in 1usize..200) {
            let batches = length_batches(&lengths, most);
            let mut seen: Vec<usize> = batches.concat();
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for batch in batches {
                let longest = batch.iter().map(|&index| lengths[index]).max().unwrap();
                proptest::prop_assert!(batch.len() == 1 || longest * batch.len() <= most);
            }
        }
    }
}
