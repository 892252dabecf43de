//! The questions of one call, asked side by side.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, Scope};

use parking_lot::Mutex;
use scaledown_sdk::{Error, Result};

use crate::limit::{Limit, Place};

/// The answer to a question, or why it has none.
pub(crate) type Outcome = std::result::Result<String, String>;

/// Asks the question with a number; gets a check whether the answer is still wanted.
type Ask<'a> = dyn Fn(usize, &dyn Fn() -> bool) -> Result<String> + Sync + 'a;
/// The state of a question.
type Slot = Mutex<Option<Outcome>>;

/// The results of `ask` for each question number, in order. Runs on as many threads as `limit`
/// allows, shared with other calls. [`Error::Input`] becomes the message of its question. After any
/// other error, no further question is asked and pending ones are cancelled.
///
/// # Errors
/// The first error that is not a question's own.
pub(crate) fn side_by_side(limit: &Limit, questions: usize, ask: &Ask<'_>) -> Result<Vec<Outcome>> {
    let asked: Vec<Slot> = (0..questions).map(|_| Mutex::new(None)).collect();
    let call = Call { limit, ask, asked, next: AtomicUsize::new(0), ended: AtomicBool::new(false), failure: Mutex::new(None) };
    std::thread::scope(|scope| call.work(scope, limit.wait()));
    if let Some(failure) = call.failure.into_inner() {
        return Err(failure);
    }
    Ok(call.asked.into_iter().filter_map(|asked| asked.into_inner()).collect())
}

/// The shared state of a call's threads.
struct Call<'a> {
    limit: &'a Limit,
    ask: &'a Ask<'a>,
    asked: Vec<Slot>,
    /// The first question that no thread has taken.
    next: AtomicUsize,
    ended: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Call<'_> {
    /// Asks questions while there are any. Each time it looks for a free place, and has another
    /// thread work there: no thread is without a place, so that there are no more of them than
    /// places, however many calls there are.
    fn work<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, _place: Place<'scope>) {
        while !self.ended() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(asked) = self.asked.get(number) else { return };
            if self.next.load(Ordering::Relaxed) < self.asked.len()
                && let Some(place) = self.limit.take()
            {
                // A system without another thread has those that there are.
                let _ = Builder::new().spawn_scoped(scope, move || self.work(scope, place));
            }
            match (self.ask)(number, &|| self.ended()) {
                Ok(answer) => *asked.lock() = Some(Ok(answer)),
                Err(Error::Input(message)) => *asked.lock() = Some(Err(message)),
                Err(error) => {
                    self.failure.lock().get_or_insert(error);
                    self.ended.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}
