//! Bounds of what a pickle may describe: a few bytes can name an object twice, and that twice
//! again, until no memory holds it.

use candle_core::pickle::Object;

/// How deep objects may lie in one another; a tensor's storage lies five deep.
const DEPTH: usize = 24;
/// How many objects one may hold; a model has fewer than 10,000 tensors of some 20 objects each.
const OBJECTS: usize = 1_000_000;
/// How many may be looked at in all.
const LOOKS: usize = 40_000_000;

/// What has been looked at so far.
#[derive(Default)]
pub(super) struct Bounds {
    looks: usize,
}

impl Bounds {
    /// Checks what an `instruction` has left on the stack.
    ///
    /// # Errors
    /// If it is too deep or too large.
    pub(super) fn check(&mut self, instruction: Option<u8>, top: Option<&Object>) -> Result<(), String> {
        // Those that put objects into others, or bring one back.
        const GROWING: &[u8] = b"tRsueabdhjQ\x85\x86\x87\x81";
        let (Some(_), Some(top)) = (instruction.filter(|code| GROWING.contains(code)), top) else { return Ok(()) };
        let mut room = OBJECTS;
        if !fits(top, DEPTH, &mut room) {
            return Err("its pickle nests objects deeper, or holds more of them, than a file of tensors".into());
        }
        self.looks += OBJECTS - room;
        if self.looks > LOOKS {
            return Err("its pickle is written so that reading it would take forever".into());
        }
        Ok(())
    }
}

/// Whether an object is no deeper than `depth`, and no larger than `room`, which is less by it
/// afterwards.
fn fits(object: &Object, depth: usize, room: &mut usize) -> bool {
    if depth == 0 || *room == 0 {
        return false;
    }
    *room -= 1;
    match object {
        Object::Tuple(items) | Object::List(items) => items.iter().all(|item| fits(item, depth - 1, room)),
        Object::Dict(entries) => entries.iter().all(|(key, value)| fits(key, depth - 1, room) && fits(value, depth - 1, room)),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            fits(callable, depth - 1, room) && fits(args, depth - 1, room)
        }
        Object::PersistentLoad(inner) => fits(inner, depth - 1, room),
        _ => true,
    }
}
