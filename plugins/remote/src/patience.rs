//! Retries with backoff.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use scaledown_sdk::Error;
use scaledown_sdk::component::stop;

/// A time of `seconds`, the value of the configuration's `key`.
///
/// # Errors
/// [`Error::Config`] if that is no time above 0.
pub fn seconds(key: &str, seconds: f64) -> Result<Duration, Error> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| Error::Config(format!("{key} is {seconds} seconds, expected a number above 0")))
}

/// Exponential backoff: `retries` delays, from `first` doubling to one minute, with jitter.
#[must_use]
pub fn backoff(first: Duration, retries: u32) -> ExponentialBuilder {
    let backoff = ExponentialBuilder::new().with_min_delay(first).with_max_delay(Duration::from_secs(60));
    backoff.with_max_times(retries as usize).with_jitter()
}

/// Why retrying failed.
#[derive(Debug)]
pub struct GaveUp<E> {
    /// The last error.
    pub error: E,
    /// How many calls were made.
    pub calls: u32,
    /// Whether it gave up early because the result is no longer wanted.
    pub interrupted: bool,
}

/// Makes a call and retries it while its error is transient and the backoff has delays left.
/// `transient` returns the minimum delay of a transient error. Stops early once [the process is to
/// stop](stop) or the result is `unwanted`.
///
/// # Errors
/// The last error, and why there was no further retry.
pub fn retry<T, E>(
    backoff: ExponentialBuilder,
    mut call: impl FnMut() -> Result<T, E>,
    transient: impl Fn(&E) -> Option<Duration>,
    unwanted: impl Fn() -> bool,
) -> Result<T, GaveUp<E>> {
    let mut backoff = backoff.build();
    let mut calls = 1;
    loop {
        let error = match call() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Waits are taken only of errors that pass.
        let Some(wait) = transient(&error).and_then(|least| Some(backoff.next()?.max(least))) else {
            return Err(GaveUp { error, calls, interrupted: false });
        };
        if !sleep(wait, || stop::stop_requested() || unwanted()) {
            return Err(GaveUp { error, calls, interrupted: true });
        }
        calls += 1;
    }
}

/// Sleeps for `wait`, unless `ended` says otherwise. Whether it slept for all of it.
fn sleep(wait: Duration, ended: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if ended() {
            return false;
        }
        let left = wait.saturating_sub(start.elapsed());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(stop::POLL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_result_is_unwanted() {
        let start = Instant::now();
        let call = || Err::<(), _>("busy");
        let long = |_: &&str| Some(Duration::from_secs(300));
        let gave_up = retry(backoff(Duration::from_millis(1), 5), call, long, || start.elapsed() > Duration::from_millis(150));
        let gave_up = gave_up.unwrap_err();
        assert_eq!((gave_up.error, gave_up.calls, gave_up.interrupted), ("busy", 1, true));
        assert!(start.elapsed() < Duration::from_secs(30), "it waited {:?}", start.elapsed());
    }

    #[test]
    fn a_wait_that_nothing_ends_is_as_long_as_asked() {
        let start = Instant::now();
        assert!(sleep(Duration::from_millis(250), || false) && start.elapsed() >= Duration::from_millis(250));
    }
}
