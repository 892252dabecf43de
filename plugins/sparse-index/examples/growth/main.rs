//! How the time and size of the index grow: `growth QUERIES DIRECTORY [SEED [DOCUMENTS ...]]`.
//!
//! For each number of documents it builds an index below the directory, asks every tenth query on
//! one thread, and compares the first answers with brute force. The indexes stay and are reused.
//! Times are those of the clock and, where the system counts it, of the thread alone, which a busy
//! machine disturbs less.

mod synthetic;

use cpu_time::ThreadTime;
use scaledown_sparse_index::{Builder, IndexSettings, SparseIndex, StoredWeights};
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
    println!("seed {seed}; median / 99 % / mean ms a query of the clock, and of the thread");
    for size in sizes {
        measure(&queries, size, seed, &Path::new(&directory).join(format!("growth-{seed}-{size}")))?;
    }
    Ok(())
}

fn measure(queries: &[Vector], size: usize, seed: u64, directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut collection = Collection::new(queries, seed);
    if !directory.join("MANIFEST").exists() {
        build(&mut collection, size, directory)?;
    }
    let start = Instant::now();
    let index = SparseIndex::open(directory)?;
    let open = start.elapsed().as_secs_f64() * 1e3;
    index.verify()?;
    let (mut clock, mut thread) = (Vec::new(), Vec::new());
    for query in queries.iter().step_by(10) {
        let (start, own) = (Instant::now(), ThreadTime::now());
        index.search(query, 10)?;
        thread.push(own.elapsed().as_secs_f64() * 1e3);
        clock.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let info = index.info();
    let size_of_posting = info.bytes as f64 / info.postings as f64;
    println!("{size}: {size_of_posting:.3} bytes/posting, open {open:.2} ms, {}, {}", spread(clock), spread(thread));
    println!("  {info:?}");
    println!("  exact: {}", compare(&index, &mut collection, queries, size)?);
    Ok(())
}

fn build(collection: &mut Collection, size: usize, directory: &Path) -> Result<(), Box<dyn Error>> {
    let start = ThreadTime::now();
    let mut builder = Builder::create(directory, &IndexSettings::default())?;
    for number in 0..size {
        builder.add(&format!("d{number}"), &collection.document())?;
    }
    builder.finish()?;
    println!("{size}: built in {:.1} s of the thread, with a peak of {} MiB", start.elapsed().as_secs_f64(), peak_memory());
    Ok(())
}

/// The median, the 99th of a hundred, and the mean.
fn spread(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[times.len() * share / 100];
    format!("{:.2} / {:.2} / {:.2}", at(50), at(99), times.iter().sum::<f64>() / times.len() as f64)
}

/// Whether the first queries have the ten documents, in their order and with their scores, that
/// computing every score gives.
fn compare(index: &SparseIndex, collection: &mut Collection, queries: &[Vector], size: usize) -> Result<bool, Box<dyn Error>> {
    let terms = queries.iter().flatten().map(|(term, _)| *term as usize + 1).max().unwrap_or(0);
    let compared: Vec<&Vector> = queries.iter().step_by(10).take(COMPARED).collect();
    let dense: Vec<Vec<f32>> = compared.iter().map(|query| densify(query, terms)).collect();
    let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::new(); compared.len()];
    collection.restart();
    for number in 0..size {
        let mut document = collection.document();
        for (_, weight) in &mut document {
            *weight = StoredWeights::default().stored(*weight).unwrap_or(0.0);
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

/// The process's peak memory in MiB on Linux; 0 elsewhere.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
