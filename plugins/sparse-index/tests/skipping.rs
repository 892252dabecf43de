//! What bounds let a search pass over would not have been among the best: collections of several
//! windows and blocks, whose frequent terms weigh little in some queries and much in others.

use scaledown_sparse_index::{Builder, IndexSettings, SparseIndex, StoredWeights, delete};

type Vector = Vec<(u32, f32)>;

/// Terms 0 to 9 are in many documents (and have a bitmap), 10 to 19 in few, 20 to 29 in very few,
/// 30 only in the last thousand.
const LAST: u32 = 30;
const DOCUMENTS: u32 = 21_000;

/// SplitMix64, as a number from 0 to 1.
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// Documents whose weights are skewed, or are a few values so that many scores are equal.
fn documents(ties: bool, seed: u64) -> Vec<Vector> {
    let mut state = seed;
    let share = |term: u32| match term {
        0 => 1.0,
        1..10 => 0.9 / term as f32,
        10..20 => 0.03,
        _ => 0.002,
    };
    let weight = |state: &mut u64| match ties {
        true => [0.5, 1.0][(uniform(state) * 1.99) as usize],
        false => 0.01 + 2.0 * uniform(state).powi(3),
    };
    (0..DOCUMENTS)
        .map(|number| {
            let terms: Vec<u32> = (0..LAST).filter(|term| uniform(&mut state) < share(*term)).collect();
            let last = (number >= DOCUMENTS - 1000).then_some(LAST);
            terms.into_iter().chain(last).map(|term| (term, weight(&mut state))).collect()
        })
        .collect()
}

fn queries(seed: u64) -> Vec<Vector> {
    let mut state = seed;
    let mut queries = vec![
        vec![(0, 1.0)],
        vec![(0, 0.5), (3, 0.5)],
        (0..10).map(|term| (term, 1.0)).collect(),
        (0..10).map(|term| (term, 0.1)).chain([(25, 1.5)]).collect(),
        (10..LAST).map(|term| (term, 1.0)).collect(),
        vec![(5, 0.1), (LAST, 1.0)],
        vec![(99, 1.0)],
        (0..10).map(|term| (term, 1e-30)).chain([(15, 1e15)]).collect(),
        (0..10).map(|term| (term, 1e-42)).collect(),
    ];
    for _ in 0..8 {
        let terms: Vec<u32> = (0..=LAST).filter(|_| uniform(&mut state) < 0.5).collect();
        queries.push(terms.into_iter().map(|term| (term, 0.01 + uniform(&mut state).powi(4) * 1.5)).collect());
    }
    queries
}

/// The numbers and scores of all documents, the best first.
fn brute_force(documents: &[Vector], deleted: &[u32], query: &Vector) -> Vec<(u64, f32)> {
    let mut dense = [0.0; 100];
    query.iter().for_each(|(term, weight)| dense[*term as usize] = *weight);
    let score = |document: &Vector| document.iter().fold(0.0, |sum, (term, weight)| sum + weight * dense[*term as usize]);
    let live = documents.iter().zip(0..).filter(|(_, number)| deleted.binary_search(number).is_err());
    let mut scored: Vec<(u64, f32)> = live.map(|(document, number)| (u64::from(number), score(document))).collect();
    scored.retain(|(_, score)| *score > 0.0);
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored
}

fn check(weights: StoredWeights, window: u32, ties: bool, seed: u64) {
    let mut documents = documents(ties, seed);
    let directory = tempfile::tempdir().unwrap();
    let mut builder = Builder::create(directory.path(), &IndexSettings { weights, window, ..IndexSettings::default() }).unwrap();
    for (number, document) in documents.iter().enumerate() {
        builder.add(&number.to_string(), document).unwrap();
    }
    builder.finish().unwrap();
    for (_, weight) in documents.iter_mut().flatten() {
        *weight = weights.stored(*weight).unwrap();
    }
    let mut deleted = Vec::new();
    for _ in 0..2 {
        let index = SparseIndex::open(directory.path()).unwrap();
        for (number, query) in queries(seed).iter().enumerate() {
            let best = brute_force(&documents, &deleted, query);
            for k in [1, 2, 10, 300, 100_000] {
                let hits = index.search(query, k).unwrap();
                let found: Vec<(u64, f32)> = hits.into_iter().map(|hit| (hit.document, hit.score)).collect();
                assert!(
                    found == best[..k.min(best.len())],
                    "{weights:?}, windows of {window}, ties {ties}, query {number}, k {k}"
                );
            }
        }
        // The best of many queries among them.
        let best = queries(seed).into_iter().flat_map(|query| brute_force(&documents, &[], &query).into_iter().take(7));
        deleted = best.map(|(document, _)| document as u32).chain((0..DOCUMENTS).step_by(17)).collect();
        deleted.sort_unstable();
        deleted.dedup();
        delete(directory.path(), deleted.iter().map(u32::to_string)).unwrap();
    }
}

#[test]
fn windows_of_several_blocks() {
    check(StoredWeights::default(), 65536, false, 1);
    check(StoredWeights::default(), 9_001, true, 2);
}

#[test]
fn windows_of_a_part_of_a_block() {
    check(StoredWeights::default(), 1_000, false, 3);
    check(StoredWeights::default(), 77, true, 4);
}

#[test]
fn weights_of_sixteen_bits() {
    check(StoredWeights::Half, 9_001, false, 5);
    check(StoredWeights::Half, 500, true, 6);
}
