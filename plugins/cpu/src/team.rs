//! Threads for work of microseconds, such as decoding: they spin for a while before they sleep, to
//! avoid wake-ups.
//!
//! The caller works as well. A member that comes late, since it slept or its core did something
//! else, is not waited for: the others do its part. Who does what never shows in a result.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::parallel;

/// How often a member looks for work before it sleeps: about a tenth of a millisecond.
const LOOKS: usize = 4000;

/// How often a caller looks whether the members are done before it offers its core to others.
const LOOKS_AT_THE_END: usize = 20_000;

/// The active members, in the lower bits of the state.
const MEMBERS: u64 = (1 << 16) - 1;
/// Set in the state while a member may join.
const OPEN: u64 = 1 << 16;
/// The increment of the state for the next job.
const NEXT_JOB: u64 = 1 << 17;

/// Work in numbered pieces.
#[derive(Clone, Copy)]
struct Job<'a> {
    count: usize,
    piece: &'a (dyn Fn(usize) + Sync),
}

struct Shared {
    /// The number of the job, whether it is open, and how many members are at it.
    state: AtomicU64,
    /// Written by the caller while the job is closed and has no members; read by members that
    /// joined.
    job: UnsafeCell<Option<Job<'static>>>,
    /// The next piece.
    next: AtomicUsize,
    panicked: AtomicBool,
    ended: AtomicBool,
    /// How many members sleep, or are about to.
    asleep: AtomicUsize,
    bed: Mutex<()>,
    alarm: Condvar,
}

// SAFETY: of what is not `Sync` already, `job`, the protocol above holds: see `Team::for_each` and
// `Shared::join`.
unsafe impl Sync for Shared {}
// SAFETY: a job is `Sync`, and nothing else is bound to a thread.
unsafe impl Send for Shared {}

/// Threads that wait for work.
pub(crate) struct Team {
    shared: Arc<Shared>,
    /// Held by the one thread that gives work.
    turn: Mutex<()>,
    members: Vec<JoinHandle<()>>,
}

impl Team {
    /// A team of `threads`, the caller included.
    ///
    /// # Errors
    /// If they cannot be started.
    pub(crate) fn new(threads: usize, name: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            next: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
        });
        let mut team = Team { shared, turn: Mutex::new(()), members: Vec::new() };
        for index in 1..threads.min(MEMBERS as usize) {
            let shared = Arc::clone(&team.shared);
            let member = std::thread::Builder::new().name(format!("{name}-team-{index}"));
            team.members.push(member.spawn(move || parallel::serial(|| shared.serve()))?);
        }
        Ok(team)
    }

    /// Lets `work` give work to the team.
    ///
    /// # Errors
    /// The work, unchanged, if another thread is using the team.
    pub(crate) fn lead<R, F: FnOnce() -> R>(&self, work: F) -> Result<R, F> {
        let Some(_turn) = self.turn.try_lock() else { return Err(work) };
        Ok(parallel::with_team(self, work))
    }

    /// Calls `piece(0), piece(1), ...` up to `count`, in any order and on any member. Only what
    /// runs in [`Team::lead`] may call it, and no piece.
    pub(crate) fn for_each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        let job = Job { count, piece };
        // SAFETY: `Closing` waits, whatever happens, until no member is at the job before what it
        // borrows can go.
        let job = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        let shared = &*self.shared;
        // SAFETY: the last job is closed and has no members, and there is one caller at a time.
        unsafe { *shared.job.get() = Some(job) };
        shared.next.store(0, Ordering::Relaxed);
        // A caller that panicked itself has left its members' panics here.
        shared.panicked.store(false, Ordering::Relaxed);
        let state = shared.state.load(Ordering::Relaxed);
        shared.state.store((state & !MEMBERS).wrapping_add(NEXT_JOB) | OPEN, Ordering::Release);
        let closing = Closing(shared);
        fence(Ordering::SeqCst);
        if shared.asleep.load(Ordering::Relaxed) > 0 {
            drop(shared.bed.lock());
            shared.alarm.notify_all();
        }
        parallel::serial(|| shared.work(job));
        drop(closing);
        assert!(!shared.panicked.load(Ordering::Relaxed), "a kernel panicked on another thread");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        drop(self.shared.bed.lock());
        self.shared.alarm.notify_all();
        for member in self.members.drain(..) {
            // A member catches panics of its work, so that it cannot have failed.
            let _ = member.join();
        }
    }
}

/// Closes the job at its end and waits for those who are at it.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut looks = 0;
        while state & MEMBERS != 0 {
            looks += 1;
            if looks < LOOKS_AT_THE_END {
                std::hint::spin_loop()
            } else {
                std::thread::yield_now()
            }
            state = self.0.state.load(Ordering::Acquire);
        }
    }
}

impl Shared {
    /// Does pieces until none is left.
    fn work(&self, job: Job<'_>) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= job.count {
                return;
            }
            (job.piece)(index);
        }
    }

    /// A member's life.
    fn serve(&self) {
        let mut done = 0;
        let mut looks = 0;
        while !self.ended.load(Ordering::Relaxed) {
            if self.join(&mut done) {
                looks = 0;
            } else if looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            } else {
                self.sleep(done);
                looks = 0;
            }
        }
    }

    /// The number of the job in `state`, if it is open and another than `done`.
    fn open(state: u64, done: u64) -> Option<u64> {
        let job = state / NEXT_JOB;
        (state & OPEN != 0 && job != done).then_some(job)
    }

    /// Joins the job that is open, if there is one that this member has not done.
    fn join(&self, done: &mut u64) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let Some(job) = Shared::open(state, *done) else { return false };
        // Fails if the job was closed meanwhile, or another member joined: then this one looks
        // again.
        if self.state.compare_exchange(state, state + 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return true;
        }
        *done = job;
        // SAFETY: the job was open when this member joined, so that it was written before and the
        // caller waits for this member.
        let job = unsafe { *self.job.get() };
        if let Some(job) = job
            && catch_unwind(AssertUnwindSafe(|| self.work(job))).is_err()
        {
            self.panicked.store(true, Ordering::Relaxed);
        }
        self.state.fetch_sub(1, Ordering::Release);
        true
    }

    /// Sleeps until there is a job.
    fn sleep(&self, done: u64) {
        let mut bed = self.bed.lock();
        self.asleep.fetch_add(1, Ordering::Relaxed);
        // Either this member sees the job, or its caller sees that it sleeps and, having waited for
        // the bed, wakes it up.
        fence(Ordering::SeqCst);
        while Shared::open(self.state.load(Ordering::Relaxed), done).is_none() && !self.ended.load(Ordering::Relaxed) {
            self.alarm.wait(&mut bed);
        }
        self.asleep.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        let team = Team::new(4, "test").unwrap();
        for round in 0..2000 {
            let done: Vec<AtomicU32> = (0..round % 50).map(|_| AtomicU32::new(0)).collect();
            let lead = || {
                team.for_each(done.len(), &|i| {
                    done[i].fetch_add(1, Ordering::Relaxed);
                })
            };
            assert!(team.lead(lead).is_ok());
            assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1));
            if round % 500 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn one_thread_leads_at_a_time() {
        let team = Team::new(2, "test").unwrap();
        assert!(team.lead(|| team.lead(|| ()).is_err()).is_ok_and(|refused| refused));
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(3, "test").unwrap();
        let run = || team.lead(|| team.for_each(100, &|i| assert_ne!(i, 57, "this panic is meant")));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        let sum = AtomicUsize::new(0);
        assert!(
            team.lead(|| team.for_each(100, &|i| {
                sum.fetch_add(i, Ordering::Relaxed);
            }))
            .is_ok()
        );
        assert_eq!(sum.into_inner(), 4950);
    }
}
