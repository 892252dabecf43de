//! The results of a call that ended with a rejected question.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::call::Outcome;

/// The maximum kept results, for callers that do not ask again.
const MOST: usize = 4096;

/// Answers and refusals by the requests that they came of. Who asked for several answers, and got
/// an error as one question was refused, asks them again one by one; a service is not asked, and
/// paid, again for that.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<String, Outcome>>);

impl Kept {
    /// Keeps what came of requests.
    pub(crate) fn put(&self, outcomes: impl Iterator<Item = (String, Outcome)>) {
        let mut kept = self.0.lock();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.extend(outcomes);
    }

    /// Takes what came of a request.
    pub(crate) fn take(&self, request: &str) -> Option<Outcome> {
        self.0.lock().remove(request)
    }
}
