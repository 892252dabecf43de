//! How the time and size of the index grow: `growth QUERIES DIRECTORY [SEED [DOCUMENTS ...]]`.
//!
//! For each number of documents it builds an index below the directory (and removes it again), asks every tenth query on one thread, and
//! compares the first answers with brute force.

mod synthetic;

use scaledown_sparse_index::{Builder, Index, Settings, Weights};
use std::error::Error;
use std::path::Path;
use std::time::Instant;
use synthetic::{Collection, Vector};

/// Queries that are compared with brute force.
const COMPARED: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: growth QUERIES DIRECTORY [SEED [DOCUMENTS ...]]".into());
    };
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let mut sizes = arguments.map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000, 4_000_000];
    }
    let queries = synthetic::queries(&std::fs::read_to_string(file)?).ok_or("the queries are not qid<TAB>term:weight ...")?;
    println!("seed {seed}; documents, bytes/posting, build s, peak MiB, open ms, mean ms, median ms, p99 ms, exact");
    for size in sizes {
        let directory = Path::new(&directory).join(format!("growth-{size}"));
        measure(&queries, size, seed, &directory)?;
        std::fs::remove_dir_all(directory)?;
    }
    Ok(())
}

fn measure(queries: &[Vector], size: usize, seed: u64, directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut collection = Collection::new(queries, seed);
    let start = Instant::now();
    let mut builder = Builder::create(directory, &Settings::default())?;
    for number in 0..size {
        builder.add(&format!("d{number}"), &collection.document())?;
    }
    let info = builder.finish()?;
    let build = start.elapsed().as_secs_f64();
    let peak = peak_memory();
    let start = Instant::now();
    let index = Index::open(directory)?;
    let open = start.elapsed().as_secs_f64() * 1e3;
    index.verify()?;
    let mut times = Vec::new();
    for query in queries.iter().step_by(10) {
        let start = Instant::now();
        index.search(query, 10)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let at = |share: usize| times[times.len() * share / 100];
    let exact = compare(&index, &mut collection, queries, size)?;
    println!(
        "{size}, {:.3}, {build:.1}, {peak}, {open:.2}, {mean:.2}, {:.2}, {:.2}, {exact}",
        info.bytes as f64 / info.postings as f64,
        at(50),
        at(99),
    );
    println!("  {info:?}");
    Ok(())
}

/// Whether the first queries have the ten documents, in their order and with their scores, that computing every score gives.
fn compare(index: &Index, collection: &mut Collection, queries: &[Vector], size: usize) -> Result<bool, Box<dyn Error>> {
    let terms = queries.iter().flatten().map(|(term, _)| *term as usize + 1).max().unwrap_or(0);
    let compared: Vec<&Vector> = queries.iter().step_by(10).take(COMPARED).collect();
    let dense: Vec<Vec<f32>> = compared.iter().map(|query| densify(query, terms)).collect();
    let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::new(); compared.len()];
    collection.restart();
    for number in 0..size {
        let mut document = collection.document();
        for (_, weight) in &mut document {
            *weight = Weights::default().stored(*weight).unwrap_or(0.0);
        }
        for (query, best) in dense.iter().zip(&mut best) {
            let score = document.iter().map(|(term, weight)| weight * query[*term as usize]).fold(0.0, |sum, part| sum + part);
            if best.len() < 10 || score > best[9].0 {
                let place = best.partition_point(|(other, _)| *other >= score);
                best.insert(place, (score, number));
                best.truncate(10);
            }
        }
    }
    for (query, best) in compared.iter().zip(best) {
        let hits = index.search(query, 10)?;
        if !hits.iter().map(|hit| (hit.score, hit.document as usize)).eq(best) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn densify(query: &Vector, terms: usize) -> Vec<f32> {
    let mut dense = vec![0.0; terms];
    query.iter().for_each(|(term, weight)| dense[*term as usize] = *weight);
    dense
}

/// The most memory the process has had, in MiB, as Linux counts it; 0 elsewhere.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
