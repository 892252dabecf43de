//! Panics of a library on damaged files, as errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are caught, and told as errors.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `read` returns; if it panics, what it says then. For reading files through a library that
/// takes them at their word: a damaged one makes it panic, and the user is to be told which file
/// that is. What `read` changes must not be used after a panic.
///
/// # Errors
/// The panic's words.
pub fn caught<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Such a panic is told once, as the error that it becomes.
            if !CAUGHT.get() {
                told(panic);
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
        let told = caught(|| empty[std::hint::black_box(3)]).unwrap_err();
        assert!(told.contains("the index is 3"), "{told}");
    }
}
