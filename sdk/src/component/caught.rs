//! Panics of a library on damaged files, as errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are caught and returned as errors.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// The result of `read`; on panic, its message. For libraries that panic on damaged files:
/// the error names the file. Do not use anything that `read` changes after a panic.
///
/// # Errors
/// The panic's words.
pub fn caught<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let message = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The panic is reported once, as the error.
            if !CAUGHT.get() {
                message(panic);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    CAUGHT.set(outer);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("reading it failed").replace('\n', " ")
    })
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_its_words() {
        assert_eq!(caught(|| 7), Ok(7));
        let empty: Vec<u8> = Vec::new();
        let message = caught(|| empty[std::hint::black_box(3)]).unwrap_err();
        assert!(message.contains("the index is 3"), "{message}");
    }
}
