//! The stages of a preparation, side by side: while the teacher answers one block, the next is
//! reranked and the one after it searched for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use scaledown_sdk::component::{Reranker, Teacher};

use super::answering::{Answering, TeacherAnswer};
use super::block::Block;
use super::config::Preparation;
use super::error::PreparationError;
use super::journal::{Journal, JournalEntry, Recorded};
use super::ranking::{self, Candidates, Ranked};
use crate::data::config::OnError;
use crate::data::questions::CorpusQuestion;
use crate::retrieval::SearchIndex;
use crate::support::progress::{Bar, Progress};
use crate::text::PromptTemplate;
use crate::text::config::Prompt;
use crate::{Error, Result};

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStage {
    /// The retriever finds documents.
    Retrieve,
    /// The reranker orders them.
    Rerank,
    /// The teacher answers.
    Answer,
}

/// How far each stage has come, and whether the run is to stop. The stages call it from their
/// threads.
struct Watch<'a> {
    progress: &'a dyn Progress,
    bars: [Option<Box<dyn Bar>>; 3],
}

impl<'a> Watch<'a> {
    fn new(progress: &'a dyn Progress, questions: u64, reranked: bool) -> Self {
        let bar = |title: &str| Some(progress.stage(title, questions));
        Watch { progress, bars: [bar("retrieve"), if reranked { bar("rerank") } else { None }, bar("answer")] }
    }

    /// A stage has finished this many more questions.
    fn done(&self, stage: PipelineStage, questions: u64) {
        if let Some(Some(bar)) = self.bars.get(stage as usize) {
            bar.add(questions);
        }
    }
}

/// How long each stage worked, and did not wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// The retriever.
    pub retrieve: Duration,
    /// The reranker.
    pub rerank: Duration,
    /// The teacher, all calls together.
    pub answer: Duration,
}

/// The components of a preparation.
pub struct Pipeline<'a> {
    /// The index, unless every question comes with documents.
    pub index: Option<&'a SearchIndex>,
    /// The reranker, if there is one.
    pub reranker: Option<&'a dyn Reranker>,
    /// The teacher.
    pub teacher: &'a dyn Teacher,
    /// The prompt that the teacher gets.
    pub prompt: &'a Prompt,
    /// How records are made.
    pub config: &'a Preparation,
}

/// A block on its way to the teacher.
pub(super) struct Ready {
    pub(super) block: Block,
    /// The documents of each question, and their texts.
    pub(super) ranked: Vec<Ranked>,
    pub(super) texts: Vec<Vec<String>>,
    /// The answers that are recorded already, by their questions' places.
    pub(super) known: BTreeMap<usize, TeacherAnswer>,
}

/// The stages' shared state: the first error, which ends them all, and their busy times.
#[derive(Default)]
struct Shared {
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    busy: [AtomicU64; 3],
}

impl Shared {
    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock();
        failure.get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Runs a piece of a stage's work. `None` if it failed.
    fn work<T>(&self, stage: PipelineStage, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let started = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
        result.map_err(|error| self.fail(error)).ok()
    }

    fn busy(&self) -> Busy {
        let [retrieve, rerank, answer] = [0, 1, 2].map(|i| Duration::from_nanos(self.busy[i].load(Ordering::Relaxed)));
        Busy { retrieve, rerank, answer }
    }
}

impl Pipeline<'_> {
    /// Processes the `blocks` that are missing in `journal` and records the results there.
    /// `questions` is their number of questions. Ends early if cancelled; progress is journaled.
    ///
    /// # Errors
    /// The first of a component or the journal; of a question, if these are to stop the run.
    /// Recorded results stay.
    pub fn run(
        &self,
        blocks: impl Iterator<Item = Result<Block>>,
        journal: &mut Journal,
        questions: u64,
        progress: &dyn Progress,
    ) -> Result<Busy> {
        let watch = &Watch::new(progress, questions, self.reranker.is_some());
        let template = PromptTemplate::new(self.prompt)?;
        let queue = self.config.queue.max(1);
        let (to_retrieve, retrieving) = bounded::<Block>(queue);
        let (to_rerank, reranking) = bounded::<(Block, Vec<Candidates>)>(queue);
        let (to_teacher, teaching) = bounded::<Ready>(queue);
        let (to_journal, recording) = bounded::<JournalEntry>(queue);
        let shared = Shared::default();
        let (shared, template) = (&shared, &template);
        let recorded = journal.recorded()?;
        std::thread::scope(|scope| {
            scope.spawn(move || self.retrieve(&retrieving, &to_rerank, shared, watch));
            let (rank_to_teacher, rank_to_journal) = (to_teacher.clone(), to_journal.clone());
            scope.spawn(move || self.rerank(&reranking, &rank_to_teacher, &rank_to_journal, shared, watch));
            for _ in 0..self.teacher.concurrency().max(1) {
                let (teaching, to_journal) = (teaching.clone(), to_journal.clone());
                scope.spawn(move || self.answer(&teaching, &to_journal, template, shared, watch));
            }
            drop((to_journal, teaching));
            scope.spawn(move || record(&recording, journal, shared));
            self.feed(blocks, &recorded, (&to_retrieve, &to_teacher), shared, watch);
            drop((to_retrieve, to_teacher));
        });
        let failure = shared.failure.lock().take();
        failure.map_or_else(|| Ok(shared.busy()), Err)
    }

    /// Hands out the blocks, each to the first stage that it lacks.
    fn feed(
        &self,
        blocks: impl Iterator<Item = Result<Block>>,
        recorded: &Recorded,
        (to_retrieve, to_teacher): (&Sender<Block>, &Sender<Ready>),
        shared: &Shared,
        watch: &Watch<'_>,
    ) {
        for block in blocks {
            let sent = block.and_then(|block| {
                let questions = block.questions.len() as u64;
                if recorded.is_answered(block.number, block.questions.len()) {
                    [PipelineStage::Retrieve, PipelineStage::Rerank, PipelineStage::Answer]
                        .into_iter()
                        .for_each(|stage| watch.done(stage, questions));
                    return Ok(true);
                }
                let Some(ranked) = recorded.ranked(block.number)? else { return Ok(to_retrieve.send(block).is_ok()) };
                [PipelineStage::Retrieve, PipelineStage::Rerank].into_iter().for_each(|stage| watch.done(stage, questions));
                let pairs = block.questions.iter().zip(&ranked);
                let texts = pairs.map(|(question, ranked)| ranking::texts(self.index, question, ranked));
                let texts = texts.collect::<Result<_>>()?;
                let known = recorded.answered(block.number)?;
                watch.done(PipelineStage::Answer, known.len() as u64);
                Ok(to_teacher.send(Ready { block, ranked, texts, known }).is_ok())
            });
            match sent {
                Ok(true) if !ends(shared, watch) => {}
                Ok(_) => return,
                Err(error) => return shared.fail(error),
            }
        }
    }

    fn retrieve(
        &self,
        blocks: &Receiver<Block>,
        to_rerank: &Sender<(Block, Vec<Candidates>)>,
        shared: &Shared,
        watch: &Watch<'_>,
    ) {
        for block in blocks.iter().take_while(|_| !ends(shared, watch)) {
            let found = shared.work(PipelineStage::Retrieve, || ranking::retrieve(self.index, &block, self.config));
            let Some(found) = found else { return };
            watch.done(PipelineStage::Retrieve, block.questions.len() as u64);
            if to_rerank.send((block, found)).is_err() {
                return;
            }
        }
    }

    fn rerank(
        &self,
        blocks: &Receiver<(Block, Vec<Candidates>)>,
        to_teacher: &Sender<Ready>,
        to_journal: &Sender<JournalEntry>,
        shared: &Shared,
        watch: &Watch<'_>,
    ) {
        for (block, candidates) in blocks.iter().take_while(|_| !ends(shared, watch)) {
            let ranked = shared.work(PipelineStage::Rerank, || {
                let ranked = ranking::rank(self.reranker, &block.questions, &candidates, self.config)?;
                let (ranked, texts): (Vec<Ranked>, Vec<Vec<String>>) = ranked.into_iter().unzip();
                let skipped = block.questions.iter().zip(&ranked).filter_map(|(question, ranked)| match ranked {
                    Ranked::Skipped { reason } => Some((question, reason.clone())),
                    _ => None,
                });
                self.allow(skipped)?;
                Ok((ranked, texts))
            });
            let Some((ranked, texts)) = ranked else { return };
            watch.done(PipelineStage::Rerank, block.questions.len() as u64);
            let entry = JournalEntry::Ranked { block: block.number, questions: ranked.clone() };
            if to_journal.send(entry).is_err() || to_teacher.send(Ready { block, ranked, texts, known: BTreeMap::new() }).is_err()
            {
                return;
            }
        }
    }

    fn answer(
        &self,
        blocks: &Receiver<Ready>,
        to_journal: &Sender<JournalEntry>,
        template: &PromptTemplate,
        shared: &Shared,
        watch: &Watch<'_>,
    ) {
        let answering = Answering { teacher: self.teacher, prompt: self.prompt, template };
        for ready in blocks.iter().take_while(|_| !ends(shared, watch)) {
            let Ready { block, .. } = &ready;
            let taken = |answers: Vec<(usize, TeacherAnswer)>| {
                let skipped = answers.iter().filter_map(|(place, answer)| match answer {
                    TeacherAnswer::Skipped(reason) => Some((block.questions.get(*place)?, reason.clone())),
                    TeacherAnswer::Answer(_) => None,
                });
                self.allow(skipped)?;
                let count = answers.len() as u64;
                let sent = to_journal.send(JournalEntry::Answered { block: block.number, answers }).is_ok();
                watch.done(PipelineStage::Answer, count);
                Ok(sent && !ends(shared, watch))
            };
            if shared.work(PipelineStage::Answer, || answering.answers(&ready, taken)).is_none() {
                return;
            }
        }
    }

    /// Ends the run at the first question that would be skipped, if that is not allowed.
    fn allow<'a>(&self, mut skipped: impl Iterator<Item = (&'a CorpusQuestion, String)>) -> Result<()> {
        match (self.config.on_error, skipped.next()) {
            (OnError::Stop, Some((question, message))) => {
                Err(PreparationError::CorpusQuestion { id: question.id.clone(), message }.into())
            }
            _ => Ok(()),
        }
    }
}

fn ends(shared: &Shared, watch: &Watch<'_>) -> bool {
    shared.failed.load(Ordering::Relaxed) || watch.progress.cancelled()
}

/// Writes down what the stages have done, even after one of them failed.
fn record(entries: &Receiver<JournalEntry>, journal: &mut Journal, shared: &Shared) {
    for entry in entries {
        if let Err(error) = journal.append(&entry) {
            return shared.fail(error.into());
        }
    }
    if let Err(error) = journal.flush() {
        shared.fail(error.into());
    }
}
