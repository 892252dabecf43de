use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::config::{self, ChunkUnit, Chunking, CorpusFields, CorpusFormat};
use super::*;
use crate::data::atlas;
use crate::data::config::OnError;

/// A directory with files of the given content.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn corpus(format: CorpusFormat, path: impl AsRef<Path>) -> config::CorpusConfig {
    config::CorpusConfig::of(format, path.as_ref().to_owned())
}

/// Documents as `(id, title, text)`, and errors as their sentences without the directory.
fn read(config: &config::CorpusConfig) -> Vec<Result<(String, String, String), String>> {
    let path = if config.path.is_dir() { config.path.clone() } else { config.path.parent().unwrap().to_owned() };
    let documents = CorpusReader::open(config).unwrap();
    let plain = |RawDocument { id, title, text }: RawDocument| (id, title, text);
    documents
        .map(|item| item.map(plain).map_err(|error| error.to_string().replace(&format!("{}/", path.display()), "")))
        .collect()
}

fn document(id: &str, title: &str, text: &str) -> Result<(String, String, String), String> {
    Ok((id.into(), title.into(), text.into()))
}

#[test]
fn beirs_corpus_is_read_with_its_bad_lines_named() {
    let lines = "{\"_id\": \"a\", \"title\": \"T\", \"text\": \"one\", \"metadata\": {}}\n{\"_id\": \"b\"}\n{\"_id\": 3, \"text\": \"two\"\n\
                 {\"title\": \"T\", \"text\": \"x\"}\n{\"_id\": 4, \"title\": null, \"text\": \"three\"}\n";
    let compressed = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    let files =
        directory(&[("corpus.jsonl.zst", &compressed), ("queries.jsonl", b"{\"_id\": \"q\", \"text\": \"no document\"}\n")]);
    let found = read(&corpus(CorpusFormat::Beir, files.path()));
    assert_eq!(found[0], document("a", "T", "one"));
    assert_eq!(found[1], Err("corpus.jsonl.zst:2: `text`: missing".into()));
    assert!(found[2].as_ref().is_err_and(|error| error.starts_with("corpus.jsonl.zst:3: not valid JSON")), "{:?}", found[2]);
    assert_eq!(found[3], Err("corpus.jsonl.zst:4: `_id`: missing".into()));
    assert_eq!(found[4], document("4", "", "three"));
    assert_eq!(found.len(), 5);
}

#[test]
fn the_fields_of_json_are_named_by_the_configuration() {
    let nested = b"{\"key\": 7, \"meta\": {\"name\": \"N\"}, \"body\": [\"p\", \"q\"]}\n{\"key\": 8, \"meta\": {\"name\": 1}, \"body\": \"b\"}\n";
    let files = directory(&[
        ("1.jsonl", nested),
        ("2.json", b"[{\"key\": 9, \"meta\": {\"name\": \"\"}, \"body\": \"\"}]"),
        ("notes.txt", b"no"),
    ]);
    let mut config = corpus(CorpusFormat::Jsonl, files.path());
    let name = |name: &str| Some(name.to_owned());
    config.fields = CorpusFields { id: name("key"), title: name("meta.name"), text: name("body") };
    let wrong = Err("1.jsonl:2: `meta.name`: expected a string or a list of strings, found the number 1".into());
    assert_eq!(read(&config), [document("7", "N", "p\nq"), wrong, document("9", "", "")]);
    // Without ids, documents are called by the file and the line.
    let bare = directory(&[("docs.jsonl.gz", &gzip(b"\n{\"text\": \"x\"}\n{\"id\": \"own\", \"text\": \"y\"}\n"))]);
    let config = corpus(CorpusFormat::Jsonl, bare.path().join("docs.jsonl.gz"));
    assert_eq!(read(&config), [document("docs:2", "", "x"), document("own", "", "y")]);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn ms_marcos_passages_and_documents_are_read() {
    let files = directory(&[("c.tsv", b"0\tfirst passage\nD1\thttp://a\tTitle\tbody\nalone\n\tnameless\n5\t\xff\n6\tlast")]);
    let found = read(&corpus(CorpusFormat::Msmarco, files.path().join("c.tsv")));
    assert_eq!(found[0], document("0", "", "first passage"));
    assert_eq!(found[1], document("D1", "Title", "body"));
    assert_eq!(found[2], Err("c.tsv:3: found 1 tab-separated fields, expected 2 (`id text`) or 4 (`id url title text`)".into()));
    assert_eq!(found[3], Err("c.tsv:4: the id is empty; expected a document id".into()));
    assert!(found[4].as_ref().is_err_and(|error| error.starts_with("c.tsv:5: not valid UTF-8")), "{:?}", found[4]);
    assert_eq!(found[5], document("6", "", "last"));
}

#[test]
fn kilts_headings_and_lists_become_plain_text() {
    let page = r#"{"_id": "12", "wikipedia_id": "12", "wikipedia_title": "Aspen Vale", "text": ["Aspen Vale\n", "Aspen Vale is a village.\n",
        "Section::::History.\n", "It was founded.\n", "Section::::History.:Early days.\n", "BULLET::::- Peas\n", "BULLET::::- Barley\n", "\n"], "anchors": []}"#;
    let lines = format!(
        "{}\n{{\"wikipedia_id\": \"13\", \"wikipedia_title\": \"B\", \"text\": [\"B\", 4]}}\n",
        page.replace("\n  ", " ")
    );
    let files = directory(&[("kilt.json", lines.as_bytes())]);
    let mut config = corpus(CorpusFormat::Kilt, files.path().join("kilt.json"));
    let broken = Err("kilt.json:2: `text[1]`: expected a string, found the number 4".into());
    assert_eq!(read(&config), [document("12", "Aspen Vale", "Aspen Vale is a village.\nIt was founded.\nPeas\nBarley"), broken]);
    config.section_titles = true;
    let text = "Aspen Vale is a village.\nHistory\nIt was founded.\nHistory: Early days\nPeas\nBarley";
    assert_eq!(read(&config)[0], document("12", "Aspen Vale", text));
}

fn tables(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/datasets/tables").join(name)
}

#[test]
fn the_columns_of_parquet_are_named_by_the_configuration() {
    let mut config = corpus(CorpusFormat::Parquet, tables("corpus.parquet"));
    config.fields = CorpusFields { id: Some("key".into()), title: Some("meta.name".into()), text: Some("body".into()) };
    let found = read(&config);
    assert_eq!(
        (&found[0], &found[2]),
        (&document("7", "Aspen Vale", "Peas and barley."), &document("9", "Birch Loom", "Framed in walnut."))
    );
    assert_eq!(found[1], Err("corpus.parquet: row 2, column `meta.name`: missing".into()));
    config.fields = CorpusFields::default();
    let reported = CorpusReader::open(&config).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(
        reported.ends_with("the table: has none of the columns id, _id, title, text; it has key, meta, body, unread"),
        "{reported}"
    );
}

#[test]
fn every_codec_and_type_of_parquet_is_read_as_python_reads_it() {
    let kinds: serde_json::Value = serde_json::from_slice(&std::fs::read(tables("kinds.json")).unwrap()).unwrap();
    for (kind, ids) in kinds.as_object().unwrap() {
        let found = read(&corpus(CorpusFormat::Parquet, tables(&format!("kind-{kind}.parquet"))));
        let expected = ids.as_array().unwrap().iter().zip(["one\ntwo", "", "three"]);
        let expected: Vec<_> = expected.map(|(id, text)| document(id.as_str().unwrap(), "", text)).collect();
        assert_eq!(found, expected, "{kind}");
    }
    assert!(kinds.as_object().unwrap().len() > 10);
}

#[test]
fn integers_are_read_digit_by_digit() {
    let ids =
        ["3", "9007199254740993", "18446744073709551615", "18446744073709551616", "-340282366920938463463374607431768211455"];
    let lines: String = ids.iter().map(|id| format!("{{\"id\": {id}, \"text\": \"18446744073709551616\"}}\n")).collect();
    let files = directory(&[("c.jsonl", lines.as_bytes())]);
    let found = read(&corpus(CorpusFormat::Jsonl, files.path().join("c.jsonl")));
    assert_eq!(found, ids.map(|id| document(id, "", "18446744073709551616")));
}

#[test]
fn a_document_that_cannot_be_read_is_left_out_if_the_configuration_says_so() {
    let lines =
        b"{\"id\": \"a\", \"text\": \"one\"}\n{\"id\": \"b\", \"text\": null}\n{\"id\": \"c\", \"text\": \"\\ud83d\"}\nno JSON\n\
                  {\"id\": \"d\", \"title\": \"T\", \"text\": null}\n{\"id\": \"e\", \"title\": \"U\"}\n";
    let files = directory(&[("c.jsonl", lines), ("whole.json", b"[{\"id\": \"a\", \"text\": \"one\"}, {]")]);
    let mut config = corpus(CorpusFormat::Jsonl, files.path().join("c.jsonl"));
    let found = |config: &config::CorpusConfig| Documents::open(config).unwrap().collect::<Vec<_>>();
    assert_eq!(found(&config).iter().filter(|item| item.is_err()).count(), 3);
    config.on_error = OnError::Skip;
    let documents: Vec<RawDocument> = found(&config).into_iter().map(Result::unwrap).collect();
    let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["a", "d", "e"]);
    assert_eq!((documents[1].title.as_str(), documents[1].text.as_str()), ("T", ""));
    // A defect that makes the rest of a file unreadable cannot be skipped.
    config.path = files.path().join("whole.json");
    assert!(found(&config).iter().any(Result::is_err));
}

#[cfg(unix)]
#[test]
fn a_fifo_in_a_directory_of_text_is_reported() {
    let files = directory(&[("a.txt", b"plain")]);
    let made = std::process::Command::new("mkfifo").arg(files.path().join("b.txt")).status();
    if made.is_ok_and(|status| status.success()) {
        let found = read(&corpus(CorpusFormat::Files, files.path()));
        assert!(
            found[1].as_ref().is_err_and(|error| error.contains("b.txt") && error.contains("not a regular file")),
            "{found:?}"
        );
    }
}

#[test]
fn damaged_parquet_is_an_error() {
    let whole = std::fs::read(tables("corpus.parquet")).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let files = directory(&[("d.parquet", &damaged), ("cut.parquet", &whole[..at])]);
        let mut config = corpus(CorpusFormat::Parquet, files.path());
        config.fields = CorpusFields { id: Some("key".into()), title: None, text: Some("body".into()) };
        // Any end but a panic or an endless stream will do.
        assert!(CorpusReader::open(&config).unwrap().take(100).count() < 100);
    }
}

#[test]
fn a_directory_of_text_is_read_in_order() {
    let files = directory(&[
        ("b.txt", b"plain"),
        ("a/deep/c.md", b"# The title #\r\n\r\nThe text.\n"),
        ("a/b.md.gz", &gzip(b"## no title\n")),
        (".hidden.txt", b"x"),
        ("image.png", b"x"),
        ("z.txt", b"one\ntwo \xff\n"),
    ]);
    let found = read(&corpus(CorpusFormat::Files, files.path()));
    assert_eq!(
        found[..3],
        [
            document("a/b.md.gz", "", "## no title\n"),
            document("a/deep/c.md", "The title", "The text.\n"),
            document("b.txt", "", "plain")
        ]
    );
    assert!(found[3].as_ref().is_err_and(|error| error.starts_with("z.txt:2: not valid UTF-8")), "{:?}", found[3]);
    assert_eq!(found.len(), 4);
}

#[test]
fn what_is_not_there_is_reported() {
    let empty = directory(&[("x.txt", b"x")]);
    let reported = |format, path: &Path| CorpusReader::open(&corpus(format, path)).err().unwrap().to_string();
    let message = "the directory: contains no corpus files; expected corpus.jsonl, compressed or not";
    assert_eq!(reported(CorpusFormat::Beir, empty.path()), format!("{}: {message}", empty.path().display()));
    for format in [CorpusFormat::Jsonl, CorpusFormat::Files] {
        assert!(reported(format, Path::new("/no/such")).starts_with("cannot read /no/such: "));
    }
}

fn chunking(unit: ChunkUnit, size: usize, stride: usize) -> Chunking {
    Chunking { unit, size: Some(size), stride: Some(stride), ..Chunking::default() }
}

/// A chunker that counts tokens of the Atlas's tokenizer.
fn token_chunker(size: usize, stride: usize) -> Chunker {
    let directory = tempfile::tempdir().unwrap();
    atlas::tokenizer().unwrap().save(directory.path().join("tokenizer.json"), false).unwrap();
    let tokenizer = Some(directory.path().to_str().unwrap().to_owned());
    Chunker::new(Some(&Chunking { tokenizer, ..chunking(ChunkUnit::Tokens, size, stride) })).unwrap()
}

#[test]
fn documents_are_cut_by_words_with_their_titles() {
    let document = RawDocument { id: "D".into(), title: "T".into(), text: " one two\nthree  four five ".into() };
    let cut = |size, stride, title| {
        let chunker = Chunker::new(Some(&Chunking { title, ..chunking(ChunkUnit::Words, size, stride) })).unwrap();
        chunker.chunks(&document).unwrap().into_iter().map(|chunk| (chunk.id, chunk.text)).collect::<Vec<_>>()
    };
    let chunk = |id: &str, text: &str| (id.to_owned(), text.to_owned());
    assert_eq!(cut(2, 2, true), [chunk("D#0", "T. one two"), chunk("D#1", "T. three  four"), chunk("D#2", "T. five")]);
    assert_eq!(cut(3, 2, false), [chunk("D#0", "one two\nthree"), chunk("D#1", "three  four five")]);
    assert_eq!(cut(9, 9, false), [chunk("D#0", "one two\nthree  four five")]);
    let whole = Chunker::new(None).unwrap().chunks(&document).unwrap();
    assert_eq!((whole[0].id.as_str(), whole[0].text.as_str()), ("D", "T.  one two\nthree  four five "));
}

#[test]
fn a_blank_document_is_its_title_or_nothing() {
    let document = RawDocument { id: "D".into(), title: "T".into(), text: " \n".into() };
    let texts = |title| {
        let chunker = Chunker::new(Some(&Chunking { title, ..Chunking::default() })).unwrap();
        chunker.chunks(&document).unwrap().into_iter().map(|chunk| chunk.text).collect::<Vec<_>>()
    };
    assert_eq!((texts(true), texts(false)), (vec!["T.".to_owned()], Vec::new()));
}

/// Whether the chunks hold every character, in order, and none is blank.
fn covers(text: &str, chunks: &[Chunk]) {
    let mut reached = 0;
    for (index, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.id, format!("D#{index}"));
        assert!(chunk.range.start <= reached && chunk.range.end > reached, "{text:?}: {chunks:?}");
        assert_eq!(chunk.text, text[chunk.range.clone()].trim());
        reached = chunk.range.end;
    }
    assert!(reached == text.len() || (chunks.is_empty() && text.trim().is_empty()), "{text:?}: {chunks:?}");
}

proptest! {
    #[test]
    fn every_character_is_in_a_chunk(text in "([a-z\u{e9}\u{6771}\u{1f600}.,]{0,7}[ \n\t]{0,2}){0,40}", size in 1_usize..9, less in 0_usize..9) {
        let stride = size.saturating_sub(less).max(1);
        let document = RawDocument { id: "D".into(), title: String::new(), text: text.clone() };
        let words = Chunker::new(Some(&chunking(ChunkUnit::Words, size, stride))).unwrap();
        let chunks = words.chunks(&document).unwrap();
        covers(&text, &chunks);
        for chunk in &chunks {
            prop_assert!((1..=size).contains(&chunk.text.split_whitespace().count()));
        }
        let total = text.split_whitespace().count();
        let wanted = if total == 0 { 0 } else { 1 + total.saturating_sub(size).div_ceil(stride) };
        prop_assert_eq!(chunks.len(), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_token_is_in_a_chunk(words in prop::collection::vec(0_usize..6, 0..60), size in 1_usize..20, less in 0_usize..9) {
        const WORDS: [&str; 6] = ["Aspen Vale", " grows ", "peas, ", "\n", "Hazel Brenow. ", "1734 "];
        let text: String = words.iter().map(|word| WORDS[*word]).collect();
        let document = RawDocument { id: "D".into(), title: String::new(), text: text.clone() };
        let stride = size.saturating_sub(less).max(1);
        covers(&text, &token_chunker(size, stride).chunks(&document).unwrap());
    }
}

#[test]
fn chunks_come_of_a_whole_corpus() {
    let files = directory(&[("c.tsv", b"1\tone two three\nbad\n2\tfour\n")]);
    let mut config = corpus(CorpusFormat::Msmarco, files.path().join("c.tsv"));
    config.chunking = Some(chunking(ChunkUnit::Words, 2, 2));
    let found: Vec<Result<String, String>> =
        Chunks::open(&config).unwrap().map(|item| item.map(|chunk| chunk.id).map_err(|error| error.to_string())).collect();
    assert_eq!((&found[0], &found[1], &found[3]), (&Ok("1#0".into()), &Ok("1#1".into()), &Ok("2#0".into())));
    assert!(found[2].as_ref().is_err_and(|error| error.contains("c.tsv:2: ")));
}
