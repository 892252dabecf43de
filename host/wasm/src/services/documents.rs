//! A stream of documents, from the host's thread that has it to the component's.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use scaledown_sdk::component::Document;
use wasmtime::component::Resource;

use crate::bindings::scaledown::plugin::documents::{Host, HostReader};
use crate::bindings::scaledown::plugin::types;
use crate::imports::{Answer, Imports, refusal};

/// What a reader gets: some documents, or why there are no more.
pub(crate) type Batch = scaledown_sdk::Result<Vec<Document>>;

/// The component's end of a stream. It is closed when it is dropped.
#[allow(unreachable_pub, reason = "the generated bindings name it")]
pub struct DocumentReader {
    batches: Receiver<Batch>,
    waiting: VecDeque<Document>,
    ended: bool,
}

impl DocumentReader {
    pub(crate) fn new(batches: Receiver<Batch>) -> Self {
        DocumentReader { batches, waiting: VecDeque::new(), ended: false }
    }
}

impl Host for Imports {}

impl HostReader for Imports {
    fn next(&mut self, reader: Resource<DocumentReader>, most: u32) -> Answer<Vec<types::Document>> {
        let reader = self.table.get_mut(&reader)?;
        let mut news = true;
        if reader.waiting.is_empty() {
            match reader.batches.recv() {
                Ok(Ok(batch)) => reader.waiting.extend(batch),
                Ok(Err(error)) => return Ok(Err(refusal(&error))),
                // The sender is gone: that is the end, which is news once. Who asks again and again
                // does no work.
                Err(_) => news = !std::mem::replace(&mut reader.ended, true),
            }
        }
        let count = reader.waiting.len().min(usize::try_from(most.max(1)).unwrap_or(usize::MAX));
        let documents = reader.waiting.drain(..count).map(|Document { id, text }| types::Document { id, text }).collect();
        if news {
            self.extend_deadline();
        }
        Ok(Ok(documents))
    }

    fn drop(&mut self, reader: Resource<DocumentReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}
