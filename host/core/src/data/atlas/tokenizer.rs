//! The Atlas tokenizer: a token for every word of the world, bytes for everything else.

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::Replace;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, Tokenizer};

use super::error::{AtlasError, AtlasResult};
use super::lexicon;
use super::schema::{Domain, EntityKind};

/// The tokens that text never holds, in the order of their ids: padding, sequence start and end,
/// unknown, the start of a document, of a question and of an answer, and the encoder's three.
pub const SPECIAL_TOKENS: [&str; 10] = ["<pad>", "<s>", "</s>", "<unk>", "<doc>", "<q>", "<a>", "[CLS]", "[SEP]", "[MASK]"];

/// Words start with this character in the vocabulary, as SentencePiece has it.
const WORD_START: char = '\u{2581}';

/// The words of the sentence patterns, beyond the attributes' own.
const PATTERN_WORDS: &str = "The the of is She He It Her His Its What";

/// Makes the tokenizer. It depends on the lexicon alone, not on any setting.
///
/// A unigram model with equal scores cuts text into the fewest pieces. Unknown text falls back to
/// bytes, so that decoding reproduces every text, except for one space at its start. It adds no
/// token of its own: a prompt writes `<s>` where it wants one.
///
/// # Errors
/// [`AtlasError::Tokenizer`] when the library refuses the vocabulary.
pub fn tokenizer() -> AtlasResult<Tokenizer> {
    let pieces = vocabulary();
    let unknown = SPECIAL_TOKENS.iter().position(|token| *token == "<unk>");
    let scored = pieces.into_iter().map(|piece| (piece, -1.0)).collect();
    let model = Unigram::from(scored, unknown, true).map_err(|error| AtlasError::Tokenizer(error.to_string()))?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(Metaspace::new(WORD_START, PrependScheme::Always, true)));
    let space = Replace::new(WORD_START.to_string(), " ").map_err(|error| AtlasError::Tokenizer(error.to_string()))?;
    let decoders = vec![space.into(), ByteFallback::new().into(), Fuse::new().into(), Strip::new(' ', 1, 0).into()];
    tokenizer.with_decoder(Some(Sequence::new(decoders)));
    let special = SPECIAL_TOKENS.map(|token| AddedToken::from(token, true));
    tokenizer.add_special_tokens(special).map_err(|error| AtlasError::Tokenizer(error.to_string()))?;
    Ok(tokenizer)
}

/// The contents of `tokenizer_config.json`, for readers in the Hugging Face ecosystem.
pub(crate) fn tokenizer_config() -> serde_json::Value {
    serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": false,
        "add_eos_token": false,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "clean_up_tokenization_spaces": false,
        "model_max_length": 4096,
    })
}

/// All pieces in the order of their ids, each once.
fn vocabulary() -> Vec<String> {
    let mut pieces: Vec<String> = SPECIAL_TOKENS.iter().map(|token| (*token).to_owned()).collect();
    pieces.extend((0..=255_u8).map(|byte| format!("<0x{byte:02X}>")));
    pieces.extend([WORD_START.to_string(), ".".to_owned(), "?".to_owned()]);
    let mut words: Vec<String> = PATTERN_WORDS.split(' ').map(str::to_owned).collect();
    for attribute in EntityKind::ALL.iter().flat_map(|kind| kind.attributes()) {
        let (before, after) = attribute.question;
        let phrases = [attribute.noun, attribute.verb, before, after.trim_end_matches('?')];
        words.extend(phrases.iter().flat_map(|phrase| phrase.split_whitespace()).map(str::to_owned));
        if let Domain::Words(values) = attribute.domain {
            words.extend(values.list());
        }
    }
    words.extend(lexicon::FIRST.list());
    words.extend(EntityKind::ALL.iter().flat_map(|kind| kind.second_names().list()));
    words.extend((10..20).map(|century| century.to_string()));
    pieces.extend(words.into_iter().map(|word| format!("{WORD_START}{word}")));
    pieces.extend((0..100).map(|year| format!("{year:02}")));
    let mut seen = std::collections::BTreeSet::new();
    pieces.retain(|piece| seen.insert(piece.clone()));
    pieces
}
