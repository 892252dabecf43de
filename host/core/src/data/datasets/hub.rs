//! Sets from the hub, as tables.

use super::{Examples, Set, from_table};
use crate::error::{Error, Result};
use crate::support::hub::HubSettings;

impl Set {
    /// The repository, and the directory of the tables in it.
    fn repository(self) -> (&'static str, &'static str) {
        match self {
            Set::Squad => ("rajpurkar/squad", "plain_text"),
            Set::NaturalQuestions => ("google-research-datasets/natural_questions", "default"),
            Set::TriviaQa => ("mandarjoshi/trivia_qa", "rc.wikipedia"),
            Set::HotpotQa => ("hotpotqa/hotpot_qa", "distractor"),
        }
    }
}

/// The questions of a split of a set, from the hub or its cache. A table is fetched when its turn
/// comes, so that few examples need few tables.
///
/// # Errors
/// If the hub cannot be asked and the cache has nothing, or the set has no such split.
pub fn from_hub(set: Set, split: &str, hub: &HubSettings) -> Result<Examples> {
    let (repository, directory) = set.repository();
    let files = hub.dataset_files(repository)?;
    let tables: Vec<&str> = files
        .iter()
        .filter_map(|file| file.strip_prefix(directory)?.strip_prefix('/'))
        .filter(|file| file.ends_with(".parquet"))
        .collect();
    let split_of = |table: &str| table.split(['-', '.', '/']).next().unwrap_or_default().to_owned();
    let wanted: Vec<String> =
        tables.iter().filter(|table| split_of(table) == split).map(|table| format!("{directory}/{table}")).collect();
    if wanted.is_empty() {
        let mut splits: Vec<String> = tables.iter().map(|table| split_of(table)).collect();
        splits.dedup();
        let splits = if splits.is_empty() { "none".into() } else { splits.join(", ") };
        return Err(Error::failed(format!(
            "{} has no split `{split}` in {repository} on {}; it has {splits}",
            set.name(),
            hub.shown_endpoint()
        )));
    }
    let hub = hub.clone();
    let open = move |file: String| -> Result<Examples> { Ok(from_table(set, &hub.dataset_file(repository, &file)?)?) };
    Ok(Box::new(wanted.into_iter().flat_map(move |file| match open(file) {
        Ok(examples) => examples,
        Err(error) => Box::new(std::iter::once(Err(error))),
    })))
}
