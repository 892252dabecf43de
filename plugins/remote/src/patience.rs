//! Calls that are made again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use scaledown_sdk::Error;

/// A time of `seconds`, the value of the configuration's `key`.
///
/// # Errors
/// [`Error::Config`] if that is no time above 0.
pub fn seconds(key: &str, seconds: f64) -> Result<Duration, Error> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| Error::Config(format!("{key} is {seconds} seconds, expected a number above 0")))
}

/// The waits before a call is made again: `first`, then twice as long each time up to a minute, each with up to as much again at random;
/// `retries` of them.
#[must_use]
pub fn waits(first: Duration, retries: u32) -> ExponentialBuilder {
    let waits = ExponentialBuilder::new().with_min_delay(first).with_max_delay(Duration::from_secs(60));
    waits.with_max_times(retries as usize).with_jitter()
}

/// Makes a call, and makes it again while its error passes and waits are left. `passing` says how long a service wants to be left alone at
/// least, if the error is one that passes.
///
/// # Errors
/// The last error, and how many calls were made.
pub fn persist<T, E>(
    waits: ExponentialBuilder,
    mut call: impl FnMut() -> Result<T, E>,
    passing: impl Fn(&E) -> Option<Duration>,
) -> Result<T, (E, u32)> {
    let mut waits = waits.build();
    let mut calls = 1;
    loop {
        let error = match call() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Waits are taken only of errors that pass.
        let Some(wait) = passing(&error).and_then(|least| Some(waits.next()?.max(least))) else { return Err((error, calls)) };
        std::thread::sleep(wait);
        calls += 1;
    }
}
