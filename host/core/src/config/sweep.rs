//! `[sweep]`: lists of values for keys. Each combination is a run.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::resolve::{Resolved, resolve, resolve_variant};
use super::{Config, ConfigError, Overrides, Problem};

/// The key that says how lists combine.
const COMBINE: &str = "combine";

/// The key of runs that set several keys each. Every other key of the table is a key of the
/// configuration.
const RUNS: &str = "runs";

/// The most runs of one sweep: more is a mistake in the table.
const MOST_RUNS: usize = 1000;

/// Values to try: keys of the configuration, each with a list, as in
/// `"compressor.layers" = [1, 2, 4]`. `combine = "grid"` (the default) makes a run of every
/// combination, `combine = "each"` a run of every value with all other keys as they are. A table
/// `[sweep.runs.NAME]` is one more run, which sets the keys in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sweep(Map<String, Value>);

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name, which is also that of its directory: `layers-2-memory_tokens-8`.
    pub name: String,
    /// The keys that it sets, with their values.
    pub values: Vec<(Vec<String>, Value)>,
    /// Its resolved configuration, without the sweep.
    pub config: Config,
}

/// A key with its values, as it stands in the table.
struct Axis {
    /// Where it stands below `sweep`: one part if the key is quoted, several if it is nested
    /// tables.
    place: Vec<String>,
    /// The key of the configuration.
    key: Vec<String>,
    values: Vec<Value>,
}

impl Sweep {
    /// Whether the configuration has no sweep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with the table: places below `sweep`, and messages.
    pub(super) fn problems(&self) -> Vec<(Vec<String>, String)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut problems: Vec<(Vec<String>, String)> =
            self.combine().err().map(|message| (vec![COMBINE.to_owned()], message)).into_iter().collect();
        let axes = self.axes();
        for (index, axis) in axes.iter().enumerate() {
            if axes.iter().take(index).any(|other| other.key == axis.key) {
                problems.push((axis.place.clone(), "is listed twice".into()));
            }
            if axis.values.is_empty() {
                problems.push((axis.place.clone(), "expected a list of values, such as [1, 2, 4]".into()));
            }
            problems.extend(forbidden(&axis.place, &axis.key));
        }
        match self.0.get(RUNS) {
            None => {}
            Some(Value::Object(runs)) => {
                for (name, values) in runs {
                    let place = [RUNS.to_owned(), name.clone()];
                    let keys = leaves(&[], values);
                    if keys.is_empty() || !values.is_object() {
                        problems.push((place.to_vec(), "expected a table of keys with their values".into()));
                    }
                    problems.extend(keys.iter().filter_map(|(key, _)| forbidden(&place, key)));
                    if short(&Value::from(name.as_str())) != *name {
                        problems.push((place.to_vec(), "expected a name of letters, digits, `.`, `_`, `+` and `-`".into()));
                    }
                }
            }
            Some(_) => problems.push((vec![RUNS.to_owned()], "expected tables of keys, such as [sweep.runs.small]".into())),
        }
        if axes.is_empty() && self.named().next().is_none() && problems.is_empty() {
            problems.push((Vec::new(), "expected a key with a list of values, such as \"compressor.layers\" = [1, 2, 4]".into()));
        }
        if problems.is_empty() && self.count(&axes) > MOST_RUNS {
            problems.push((Vec::new(), format!("makes {} runs, expected at most {MOST_RUNS}", self.count(&axes))));
        }
        problems
    }

    /// Whether all combinations are meant.
    fn combine(&self) -> Result<bool, String> {
        match self.0.get(COMBINE) {
            None => Ok(true),
            Some(Value::String(how)) if how == "grid" => Ok(true),
            Some(Value::String(how)) if how == "each" => Ok(false),
            Some(other) => Err(format!("found {other}, expected \"grid\" or \"each\"")),
        }
    }

    /// The runs that set several keys.
    fn named(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.get(RUNS).and_then(Value::as_object).into_iter().flatten()
    }

    fn count(&self, axes: &[Axis]) -> usize {
        let lengths = axes.iter().map(|axis| axis.values.len());
        let of_lists = match self.combine() {
            _ if axes.is_empty() => 0,
            Ok(true) => lengths.fold(1, usize::saturating_mul),
            _ => lengths.sum::<usize>(),
        };
        of_lists.saturating_add(self.named().count())
    }

    /// All keys with their lists. A value that is not a list becomes an empty list.
    fn axes(&self) -> Vec<Axis> {
        fn walk(place: &[String], value: &Value, axes: &mut Vec<Axis>) {
            let axis = |values: &[Value]| Axis {
                place: place.to_vec(),
                key: place.iter().flat_map(|part| part.split('.')).map(|part| part.trim().to_owned()).collect(),
                values: values.to_vec(),
            };
            match value {
                Value::Array(values) => axes.push(axis(values)),
                Value::Object(table) if !table.is_empty() => {
                    for (part, inner) in table {
                        walk(&[place, std::slice::from_ref(part)].concat(), inner, axes);
                    }
                }
                _ => axes.push(axis(&[])),
            }
        }
        let mut axes = Vec::new();
        for (part, value) in self.0.iter().filter(|(part, _)| *part != COMBINE && *part != RUNS) {
            walk(std::slice::from_ref(part), value, &mut axes);
        }
        axes
    }
}

/// The problem with a key that a sweep sets itself.
fn forbidden(place: &[String], key: &[String]) -> Option<(Vec<String>, String)> {
    let is_own = key.first().is_some_and(|first| first == "output" || first == "sweep");
    is_own.then(|| (place.to_vec(), format!("{} cannot be swept: every run has a directory of its own", key.join("."))))
}

/// The values in nested tables, each with its key.
fn leaves(key: &[String], value: &Value) -> Vec<(Vec<String>, Value)> {
    match value {
        Value::Object(table) => {
            let parts = |part: &str| part.split('.').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
            table.iter().flat_map(|(part, inner)| leaves(&[key, &parts(part)].concat(), inner)).collect()
        }
        other if key.is_empty() => vec![(vec![other.to_string()], other.clone())],
        other => vec![(key.to_vec(), other.clone())],
    }
}

/// The assignments of each run of the lists: of an axis, the value with this index.
fn assignments(sweep: &Sweep, axes: &[Axis]) -> Vec<Vec<(usize, usize)>> {
    if axes.is_empty() {
        return Vec::new();
    }
    let alone = |axis: usize| (0..axes[axis].values.len()).map(move |value| (axis, value));
    if sweep.combine() == Ok(false) {
        return (0..axes.len()).flat_map(alone).map(|one| vec![one]).collect();
    }
    (0..axes.len()).fold(vec![Vec::new()], |runs, axis| {
        runs.iter().flat_map(|run| alone(axis).map(|one| [run.as_slice(), &[one]].concat())).collect()
    })
}

impl Config {
    /// All runs of the sweep that the file at `path` describes, each resolved with everything it
    /// extends and `overrides`, below the values of the sweep. Relative paths among those count
    /// from the file in which they stand.
    ///
    /// # Errors
    /// If the configuration has no sweep; and, for each run, those of [`Config::load`], by the
    /// lines of the sweep's keys.
    pub fn variants(path: &Path, overrides: &Overrides) -> Result<(Config, Vec<Variant>), ConfigError> {
        let base = resolve(Some(path), overrides)?;
        let sweep = base.config.sweep.clone();
        if sweep.is_empty() {
            let message = "there is nothing to sweep: add [sweep] with a list of values for a key, such as \"compressor.layers\" = [1, 2, 4]";
            return Err(ConfigError::one(super::Origin::File { path: path.to_owned(), line: None }, "sweep", message));
        }
        let mut problems: Vec<Problem> = Vec::new();
        let mut variants = Vec::new();
        for run in sweep.all() {
            match variant(path, overrides, &base, run) {
                Ok(variant) => variants.push(variant),
                Err(error) => {
                    for problem in error.problems() {
                        if !problems.contains(problem) {
                            problems.push(problem.clone());
                        }
                    }
                }
            }
        }
        if problems.is_empty() { Ok((base.config, variants)) } else { Err(ConfigError::new(problems)) }
    }
}

/// What a run sets.
struct SweepRun {
    name: String,
    /// Where a value stands below `sweep`, its key and the value.
    values: Vec<(Vec<String>, Vec<String>, Value)>,
}

impl Sweep {
    /// All runs: those of the lists, then those with names.
    fn all(&self) -> Vec<SweepRun> {
        let axes = self.axes();
        let runs = assignments(self, &axes);
        let names = names(&axes, &runs);
        let value = |&(axis, value): &(usize, usize)| {
            let axis = &axes[axis];
            (axis.place.clone(), axis.key.clone(), axis.values[value].clone())
        };
        let of_lists = runs.iter().zip(names).map(|(run, name)| SweepRun { name, values: run.iter().map(value).collect() });
        let named = self.named().map(|(name, table)| {
            let place = vec![RUNS.to_owned(), name.clone()];
            let values = leaves(&[], table).into_iter().map(|(key, value)| (place.clone(), key, value)).collect();
            SweepRun { name: name.clone(), values }
        });
        let mut taken = BTreeSet::new();
        of_lists.chain(named).map(|run| SweepRun { name: unique(&run.name, &mut taken), ..run }).collect()
    }
}

fn variant(path: &Path, overrides: &Overrides, base: &Resolved, run: SweepRun) -> Result<Variant, ConfigError> {
    let mut config = resolve_variant(path, overrides, base.layer_of_sweep(&run.values)?)?.config;
    config.sweep = Sweep::default();
    config.output.directory = base.config.output.directory.join("runs").join(&run.name);
    let values = run.values.into_iter().map(|(_, key, value)| (key, value)).collect();
    Ok(Variant { name: run.name, values, config })
}

/// Names of runs after what they set.
fn names(axes: &[Axis], runs: &[Vec<(usize, usize)>]) -> Vec<String> {
    let last = |axis: &Axis| axis.key.last().cloned().unwrap_or_default();
    let label = |axis: &Axis| {
        let is_unique = axes.iter().filter(|other| last(other) == last(axis)).count() == 1;
        if is_unique { last(axis) } else { axis.key.join(".") }
    };
    let name = |run: &Vec<(usize, usize)>| {
        let parts = run.iter().map(|&(axis, value)| format!("{}-{}", label(&axes[axis]), short(&axes[axis].values[value])));
        let whole = parts.collect::<Vec<_>>().join("-");
        // File names have at most 255 bytes.
        whole.get(..whole.floor_char_boundary(150)).unwrap_or_default().to_owned()
    };
    runs.iter().map(name).collect()
}

/// `name` with a number behind it if it is taken, on a file system that knows no case either.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = |number| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
    let name = (1..).map(numbered).find(|name| taken.insert(name.to_lowercase()));
    name.unwrap_or_default()
}

/// A value in a few letters that a file name may have.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("empty").to_owned(),
        Value::Object(table) => match table.get("plugin").and_then(Value::as_str) {
            Some(plugin) => plugin.to_owned(),
            None => "table".to_owned(),
        },
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join("+"),
        other => other.to_string(),
    };
    let allowed = |letter: char| letter.is_alphanumeric() || "._+-".contains(letter);
    let text: String = text.chars().map(|letter| if allowed(letter) { letter } else { '_' }).take(40).collect();
    text.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(toml: &str) -> Sweep {
        toml::from_str(toml).unwrap()
    }

    fn run_names(toml: &str) -> Vec<String> {
        sweep(toml).all().into_iter().map(|run| run.name).collect()
    }

    #[test]
    fn a_grid_has_every_combination_and_each_has_every_value() {
        let lists = "\"compressor.layers\" = [1, 2]\n\"compression.memory_tokens\" = [4, 8]";
        assert_eq!(
            run_names(lists),
            ["memory_tokens-4-layers-1", "memory_tokens-4-layers-2", "memory_tokens-8-layers-1", "memory_tokens-8-layers-2"]
        );
        let each = format!("combine = \"each\"\n{lists}");
        assert_eq!(run_names(&each), ["memory_tokens-4", "memory_tokens-8", "layers-1", "layers-2"]);
    }

    #[test]
    fn a_named_run_sets_several_keys() {
        let sweep = sweep("\"a.b\" = [1]\n[runs.b-1]\na = { c = 2 }\n\"d.e\" = [3]");
        let runs = sweep.all();
        assert_eq!(runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["b-1", "b-1-2"]);
        let keys: Vec<String> = runs[1].values.iter().map(|(_, key, value)| format!("{}={value}", key.join("."))).collect();
        assert_eq!(keys, ["a.c=2", "d.e=[3]"]);
        assert!(sweep.problems().is_empty());
    }

    #[test]
    fn names_are_safe_and_differ() {
        assert_eq!(run_names("\"data.train\" = [\"../a/x y.jsonl\", \"b/x y.jsonl\"]"), ["train-x_y.jsonl", "train-x_y.jsonl-2"]);
        assert_eq!(
            run_names("compressor = [{ plugin = \"n-layers\", layers = 2 }, {}]"),
            ["compressor-n-layers", "compressor-table"]
        );
        assert_eq!(run_names("[a]\nx = [1]\n[b]\nx = [true]"), ["a.x-1-b.x-true"]);
        let long = run_names(&format!("[a]\nx = [\"{0}\"]\ny = [\"{0}\"]", "\u{6587}".repeat(90)));
        assert!(long[0].len() <= 150 && long[0].starts_with("x-\u{6587}"), "{long:?}");
    }

    #[test]
    fn mistakes_are_named() {
        for (toml, place, expected) in [
            ("combine = \"product\"\n\"a.b\" = [1]", "combine", "expected \"grid\" or \"each\""),
            ("\"a.b\" = 1", "a.b", "expected a list of values"),
            ("\"a.b\" = []", "a.b", "expected a list of values"),
            ("\"output.directory\" = [\"x\"]", "output.directory", "a directory of its own"),
            ("combine = \"grid\"", "", "expected a key with a list"),
            ("\"a.b\" = [1]\n[a]\nb = [2]", "a.b", "is listed twice"),
            ("runs = 1", "runs", "expected tables of keys"),
            ("[runs.a]", "runs/a", "expected a table of keys"),
            ("[runs.\"a/b\"]\nx = 1", "runs/a/b", "expected a name"),
            ("[runs.a]\noutput.directory = \"x\"", "runs/a", "a directory of its own"),
        ] {
            let problems = sweep(toml).problems();
            assert_eq!(problems.len(), 1, "{toml}: {problems:?}");
            assert_eq!(problems[0].0.join("/"), place);
            assert!(problems[0].1.contains(expected), "{problems:?}");
        }
        let many = format!("\"a.b\" = {:?}\n\"a.c\" = {:?}", (0..40).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
        assert!(sweep(&many).problems()[0].1.contains("1600 runs"));
        let named: String = (0..1001).map(|run| format!("[runs.r{run}]\nx = 1\n")).collect();
        assert!(sweep(&named).problems()[0].1.contains("1001 runs"));
    }
}
