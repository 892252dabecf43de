//! A collection of documents without structure, made from the queries it will be asked.
//!
//! A term is in a document with probability `1 - exp(-c * f)`, where `f` is the share of queries
//! that have it and `c` is such that documents have 160 terms on average. So the terms that queries
//! ask for most are the ones with the longest lists, up to three quarters of all documents, and a
//! query meets more than two postings a document. Terms are drawn independently, and so are
//! weights, from all weights of the queries: no document stands out for any query, no part of the
//! collection is better than another, and bounds of scores are as loose as they can be.

/// A query: terms and weights.
pub(crate) type Vector = Vec<(u32, f32)>;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Reads `qid<TAB>term:weight ...`, weights times 100; None for a line of another form.
pub(crate) fn queries(text: &str) -> Option<Vec<Vector>> {
    let pair = |pair: &str| {
        let (term, weight) = pair.split_once(':')?;
        Some((term.parse().ok()?, weight.parse::<f32>().ok()? / 100.0))
    };
    text.lines().map(|line| line.split_once('\t')?.1.split_whitespace().map(pair).collect()).collect()
}

/// Makes documents.
pub(crate) struct Collection {
    /// The probability of each term.
    shares: Vec<f64>,
    weights: Vec<f32>,
    random: Random,
    seed: u64,
    block: Vec<Vector>,
}

impl Collection {
    pub(crate) fn new(queries: &[Vector], seed: u64) -> Self {
        let terms = queries.iter().flatten().map(|(term, _)| *term as usize + 1).max().unwrap_or(0);
        let mut shares = vec![0.0; terms];
        queries.iter().flatten().for_each(|(term, _)| shares[*term as usize] += 1.0 / queries.len() as f64);
        let probabilities = |c: f64| shares.iter().map(move |share| 1.0 - (-c * share).exp());
        let (mut low, mut high) = (0.0, 1000.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if probabilities(middle).sum::<f64>() < 160.0 { low = middle } else { high = middle }
        }
        let weights = queries.iter().flatten().map(|(_, weight)| *weight).collect();
        Self { shares: probabilities(low).collect(), weights, random: Random(seed), seed, block: Vec::new() }
    }

    /// The next document. Documents are made 4,096 at a time, term by term.
    pub(crate) fn document(&mut self) -> Vector {
        if self.block.is_empty() {
            self.block = vec![Vector::new(); 4096];
            for (term, share) in self.shares.iter().enumerate() {
                let mut at = -1.0;
                loop {
                    at += 1.0 + ((1.0 - self.random.uniform()).ln() / (1.0 - share).ln()).floor();
                    let Some(document) = self.block.get_mut(at as usize) else { break };
                    let weight = self.weights[(self.random.next() % self.weights.len() as u64) as usize];
                    document.push((term as u32, weight));
                }
            }
            self.block.reverse();
        }
        self.block.pop().unwrap_or_default()
    }

    /// From the first document again.
    pub(crate) fn restart(&mut self) {
        self.random = Random(self.seed);
        self.block.clear();
    }
}
