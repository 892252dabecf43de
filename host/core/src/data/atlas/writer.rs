//! The encyclopedia as files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::config::AtlasConfig;
use super::entity::Split;
use super::error::{AtlasError, AtlasResult};
use super::record::QuestionRecord;
use super::tokenizer::{tokenizer, tokenizer_config};
use super::{Atlas, generate};
use crate::support::artifact::write_file_with;

/// A summary of [`write()`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtlasSummary {
    /// The rows of every file, by its path relative to the output directory.
    pub rows: BTreeMap<String, usize>,
    /// The size of the tokenizer's vocabulary.
    pub vocabulary: usize,
}

/// Generates the encyclopedia and writes it into a directory, which is made if it is missing:
///
/// | file | contents |
/// | --- | --- |
/// | `train.jsonl`, `validation.jsonl`, `test.jsonl` | [`QuestionRecord`](super::QuestionRecord)s |
/// | `corpus.jsonl` | [`AtlasDocument`](super::AtlasDocument)s of all splits |
/// | `queries.jsonl`, `qrels/SPLIT.tsv` | the same questions and their supporting documents, as BEIR has them |
/// | `queries/SPLIT.jsonl` | the questions of one split, with their right answers, and without documents |
/// | `text/SPLIT.txt` | the documents as plain text, one a line |
/// | `pretraining/N.jsonl` | [`AtlasContext`](super::AtlasContext)s of stage N |
/// | `tokenizer.json`, `tokenizer_config.json` | the tokenizer |
/// | `atlas.json` | the settings and this summary |
///
/// # Errors
/// [`AtlasError::Config`] for a bad setting, [`AtlasError::Write`] with the path that cannot be
/// written.
pub fn write(config: &AtlasConfig, directory: &Path) -> AtlasResult<AtlasSummary> {
    let atlas = generate(config)?;
    let mut output = AtlasFiles { directory, rows: BTreeMap::new() };
    for split in Split::ALL {
        output.json_lines(&format!("{split}.jsonl"), atlas.records(split))?;
        output.lines(&format!("text/{split}.txt"), atlas.corpus(split).map(|document| document.document()))?;
        output.qrels(&atlas, split)?;
        let question = |r: QuestionRecord| serde_json::json!({ "id": r.id, "query": r.query, "gold_answers": r.gold_answers });
        output.json_lines(&format!("queries/{split}.jsonl"), atlas.records(split).map(question))?;
    }
    output.json_lines("corpus.jsonl", Split::ALL.into_iter().flat_map(|split| atlas.corpus(split)))?;
    let queries = Split::ALL.into_iter().flat_map(|split| atlas.records(split));
    output.json_lines("queries.jsonl", queries.map(|r| serde_json::json!({ "_id": r.id, "text": r.query })))?;
    for stage in 0..config.pretraining.len() {
        output.json_lines(&format!("pretraining/{}.jsonl", stage + 1), atlas.pretraining(stage))?;
    }
    let tokenizer = tokenizer()?;
    let text = tokenizer.to_string(true).map_err(|error| AtlasError::Tokenizer(error.to_string()))?;
    output.text("tokenizer.json", &text)?;
    output.text("tokenizer_config.json", &pretty(&tokenizer_config()))?;
    let summary = AtlasSummary { rows: output.rows.clone(), vocabulary: tokenizer.get_vocab_size(true) };
    output.text("atlas.json", &pretty(&serde_json::json!({ "config": config, "summary": summary })))?;
    Ok(summary)
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

struct AtlasFiles<'a> {
    directory: &'a Path,
    rows: BTreeMap<String, usize>,
}

impl AtlasFiles<'_> {
    fn json_lines<T: Serialize>(&mut self, name: &str, rows: impl Iterator<Item = T>) -> AtlasResult<()> {
        self.file(name, rows, |file, row| {
            serde_json::to_writer(&mut *file, &row)?;
            file.write_all(b"\n")
        })
    }

    fn lines(&mut self, name: &str, rows: impl Iterator<Item = String>) -> AtlasResult<()> {
        self.file(name, rows, |file, row| writeln!(file, "{row}"))
    }

    fn qrels(&mut self, atlas: &Atlas, split: Split) -> AtlasResult<()> {
        let header = std::iter::once("query-id\tcorpus-id\tscore".to_owned());
        let rows = atlas.records(split).flat_map(|record| {
            let row = |&at: &usize| format!("{}\t{}\t1", record.id, record.document_ids[at]);
            record.supporting.iter().map(row).collect::<Vec<String>>()
        });
        self.lines(&format!("qrels/{split}.tsv"), header.chain(rows))
    }

    fn text(&mut self, name: &str, text: &str) -> AtlasResult<()> {
        self.file(name, std::iter::once(text), |file, text| file.write_all(text.as_bytes()))?;
        self.rows.remove(name);
        Ok(())
    }

    fn file<T>(
        &mut self,
        name: &str,
        rows: impl Iterator<Item = T>,
        write: impl Fn(&mut BufWriter<&File>, T) -> std::io::Result<()>,
    ) -> AtlasResult<()> {
        let path: PathBuf = self.directory.join(name);
        let failed = |source| AtlasError::Write { path: path.clone(), source };
        let count = write_file_with(&path, |file| {
            let mut count = 0;
            for row in rows {
                write(file, row).map_err(failed)?;
                count += 1;
            }
            Ok::<_, AtlasError>(count)
        })?;
        self.rows.insert(name.to_owned(), count);
        Ok(())
    }
}
