//! A file, and what a command makes of damaged versions of it.

use std::time::Duration;

use crate::{Ended, Place, Random, mutated, setting};

/// How long a command may take over a damaged file.
const SLOW: Duration = Duration::from_secs(10);
/// The memory that it may take, in KiB.
const LARGE: u64 = 2 << 20;

/// A file, and the command that reads it.
pub struct Read<'a> {
    /// The file.
    pub file: String,
    /// The command.
    pub command: &'a [&'a str],
    /// What else a message may call the file by.
    pub called: &'a str,
    /// Whether the file has a checksum, so that damage must be found.
    pub sealed: bool,
    /// What the command writes, which is removed before it.
    pub writes: &'a str,
    /// What is done with a damaged version before the command runs.
    pub prepare: fn(&Place),
    /// What a sealed file must not change, of what the command printed or wrote.
    pub result: fn(&Place, &[u8]) -> Vec<u8>,
}

/// A file without a checksum, and a command that only reads it.
pub fn read<'a>(file: impl Into<String>, command: &'a [&'a str]) -> Read<'a> {
    Read { file: file.into(), command, called: "", sealed: false, writes: "none", prepare: |_| (), result: |_, out| out.to_vec() }
}

impl Read<'_> {
    /// Tries damaged versions of the file, then restores it.
    ///
    /// # Panics
    /// If one of them is a fault: the message says what is wrong and where the input is kept.
    pub fn try_all(self, place: &Place) {
        let Read { file, command, called, sealed, writes, prepare, result } = self;
        let whole = place.read(&file);
        place.remove(writes);
        let sound = place.run(command);
        assert_eq!(sound.code, Some(0), "{file}: {}", sound.err);
        let expected = result(place, &sound.out);
        let (seed, inputs) = (setting("ROBUSTNESS_SEED", 1), setting("ROBUSTNESS_INPUTS", 8));
        let mut random = Random::new(seed, &file);
        let (mut accepted, mut faults) = (0, Vec::new());
        for number in 0..inputs {
            let content = mutated(&whole, &mut random);
            if content == whole {
                continue;
            }
            place.write(&file, &content);
            place.remove(writes);
            prepare(place);
            let ended = place.run(command);
            let fault = fault(&ended).or_else(|| match ended.code {
                Some(0) => {
                    accepted += 1;
                    let differs = sealed && result(place, &ended.out) != expected && !is_same_json(&content, &whole);
                    differs.then(|| "it was accepted".to_owned())
                }
                _ => {
                    let name = file.rsplit('/').next().unwrap_or(&file);
                    let named = ended.err.contains(name) || (!called.is_empty() && ended.err.contains(called));
                    (!named).then(|| "the message does not name the file".to_owned())
                }
            });
            if let Some(fault) = fault {
                let kept = std::env::temp_dir().join(format!("robustness-{seed}-{number}-{}", file.replace('/', "_")));
                std::fs::write(&kept, &content).expect("written");
                faults.push(format!("input {number} ({}): {fault}: {:?} {}", kept.display(), ended.code, ended.err));
            }
        }
        place.remove(writes);
        place.write(&file, &whole);
        prepare(place);
        println!("{file}: {inputs} inputs, {accepted} accepted");
        assert!(faults.is_empty(), "{file}, seed {seed}, {} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

/// What no input may do, whatever it is.
fn fault(ended: &Ended) -> Option<String> {
    match ended.code {
        None => Some("a signal ended it, or it did not end".into()),
        Some(code) if !(0..=2).contains(&code) => Some(format!("it ended with {code}")),
        _ if ended.err.contains("panicked") => Some("it panicked".into()),
        _ if ended.time > SLOW => Some(format!("it took {:?}", ended.time)),
        _ if ended.peak > LARGE => Some(format!("it took {} MiB", ended.peak >> 10)),
        _ => None,
    }
}

/// Whether two texts are one JSON value, in other white space.
fn is_same_json(one: &[u8], other: &[u8]) -> bool {
    let parsed = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    parsed(one).is_some_and(|value| Some(value) == parsed(other))
}
