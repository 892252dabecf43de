//! The retriever.

use std::path::PathBuf;

use rayon::prelude::*;
use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
use scaledown_sdk::{Error, Result};
use tantivy::collector::TopDocs;
use tantivy::directory::MmapDirectory;
use tantivy::query::BooleanQuery;
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::{DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};

use crate::Bm25Config;

/// An index of words, on disk.
pub struct Bm25 {
    config: Bm25Config,
    directory: PathBuf,
    index: Index,
    reader: IndexReader,
    id: Field,
    text: Field,
}

impl RetrieverPlugin for Bm25 {
    type Config = Bm25Config;

    fn build(config: Bm25Config, context: RetrieverContext) -> Result<Self> {
        let directory = context.directory;
        if !(16..=4000).contains(&config.memory) {
            return Err(Error::Config(format!("retriever.memory is {} MiB, expected 16 to 4000", config.memory)));
        }
        std::fs::create_dir_all(&directory).map_err(|error| Error::io(&directory, error))?;
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let words = TextFieldIndexing::default()
            .set_tokenizer(&config.language.analyser_name())
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(words));
        let told = |error| told(&directory, &error);
        let files = MmapDirectory::open(&directory).map_err(|error| told(error.into()))?;
        let index = Index::open_or_create(files, schema.build()).map_err(|error| match error {
            tantivy::TantivyError::SchemaError(_) => Error::Config(format!(
                "{}: the index there was made in another way (by another version, or with another retriever.language); \
                 choose another directory or remove it",
                directory.display()
            )),
            other => told(other),
        })?;
        index.tokenizers().register(&config.language.analyser_name(), config.language.analyser());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(told)?;
        Ok(Bm25 { config, directory, index, reader, id, text })
    }
}

impl Retriever for Bm25 {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let mut writer: IndexWriter =
            self.index.writer_with_num_threads(1, self.config.memory << 20).map_err(|error| self.told(&error))?;
        let mut read = 0;
        for document in documents {
            let Document { id, text } = document?;
            writer.delete_term(Term::from_field_text(self.id, &id));
            let mut added = TantivyDocument::default();
            added.add_text(self.id, id);
            added.add_text(self.text, text);
            writer.add_document(added).map_err(|error| self.told(&error))?;
            read += 1;
        }
        writer.commit().map_err(|error| self.told(&error))?;
        writer.wait_merging_threads().map_err(|error| self.told(&error))?;
        self.reader.reload().map_err(|error| self.told(&error))?;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let searcher = self.reader.searcher();
        queries.par_iter().map(|query| self.search_one(&searcher, query, k)).collect()
    }
}

impl Bm25 {
    /// The best `k` documents; those of one score stand in the order of their ids.
    fn search_one(&self, searcher: &Searcher, query: &str, k: usize) -> Result<Vec<Hit>> {
        let query = self.query(query);
        let documents = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let k = k.min(documents);
        if k == 0 {
            return Ok(Vec::new());
        }
        // Where documents stand in the index depends on its history; more of them are taken until all of the last score are there.
        let mut limit = k + 1;
        let found = loop {
            let found =
                searcher.search(&query, &TopDocs::with_limit(limit).order_by_score()).map_err(|error| self.told(&error))?;
            let tied = found.len() == limit && found[limit - 1].0 >= found[k - 1].0;
            if !tied || limit >= documents {
                break found;
            }
            limit = limit.saturating_mul(2).min(documents);
        };
        let hits = found.into_iter().map(|(score, address)| Ok(Hit { id: self.id_of(searcher, address)?, score }));
        let mut hits = hits.collect::<Result<Vec<_>>>()?;
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits.truncate(k);
        Ok(hits)
    }

    /// Any of the query's words.
    fn query(&self, query: &str) -> BooleanQuery {
        let mut words = Vec::new();
        self.config.language.analyser().token_stream(query).process(&mut |token| {
            words.push(Term::from_field_text(self.text, &token.text));
        });
        BooleanQuery::new_multiterms_query(words)
    }

    fn id_of(&self, searcher: &Searcher, address: DocAddress) -> Result<String> {
        let document: TantivyDocument = searcher.doc(address).map_err(|error| self.told(&error))?;
        let id = document.get_first(self.id).and_then(|value| value.as_str());
        id.map(str::to_owned)
            .ok_or_else(|| Error::Input(format!("{}: a document of the index has no id", self.directory.display())))
    }

    fn told(&self, error: &tantivy::TantivyError) -> Error {
        told(&self.directory, error)
    }
}

fn told(directory: &std::path::Path, error: &tantivy::TantivyError) -> Error {
    Error::Plugin { plugin: "bm25".into(), message: format!("{}: {error}", directory.display()) }
}
