//! The numbers of nodes: an input has a smaller one than what is made from it, and what is made before a [`boundary`] has a
//! smaller one than what is made after it.
//!
//! A thread takes many numbers at once: threads that record at the same time do not wait for each other at every node.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many numbers a thread takes at once.
const MANY: u64 = 1024;

/// The first number that no thread has taken.
static FREE: AtomicU64 = AtomicU64::new(0);

/// The last boundary: nodes that are made now have no smaller number.
static LEAST: AtomicU64 = AtomicU64::new(0);

/// Numbers that a thread has taken and not yet given.
#[derive(Clone, Copy)]
struct Taken {
    next: u64,
    end: u64,
}

thread_local! {
    static TAKEN: Cell<Taken> = const { Cell::new(Taken { next: 0, end: 0 }) };
}

/// A number that no node has had, and no smaller than `least`, one more than the largest of the inputs.
#[inline]
pub(crate) fn next(least: u64) -> u64 {
    let mut taken = TAKEN.get();
    // The last boundary before this call is seen here, whichever thread it was drawn by: what orders the calls orders the memory.
    if taken.next < least.max(LEAST.load(Relaxed)) || taken.next == taken.end {
        taken = take();
    }
    TAKEN.set(Taken { next: taken.next + 1, ..taken });
    taken.next
}

#[cold]
fn take() -> Taken {
    // Larger than all that have been taken before, those of the inputs and of boundaries included.
    let next = FREE.fetch_add(MANY, Relaxed);
    Taken { next, end: next + MANY }
}

/// Larger than the numbers of all nodes that there are, and no larger than those of nodes made from now on, by any thread.
pub(crate) fn boundary() -> u64 {
    let boundary = FREE.load(Relaxed);
    LEAST.fetch_max(boundary, Relaxed);
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn numbers_of_threads_rise_from_inputs_and_over_boundaries() {
        let (ask, asked) = channel::<u64>();
        let (answer, answered) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                asked.iter().for_each(|least| answer.send(next(least)).expect("there is a reader"));
            });
            let elsewhere = |least| {
                ask.send(least).expect("the thread is there");
                answered.recv().expect("it answers")
            };
            let mut given = Vec::new();
            for _ in 0..3000 {
                let here = next(0);
                let there = elsewhere(here + 1);
                assert!(there > here, "of a node made from one of another thread");
                let last = next(there + 1);
                assert!(last > there);
                given.extend([here, there, last]);
            }
            let before = elsewhere(0).max(next(0));
            let boundary = boundary();
            assert!(before < boundary);
            assert!(elsewhere(0) >= boundary && next(0) >= boundary);
            given.sort_unstable();
            given.dedup();
            assert_eq!(given.len(), 9000, "each is given once");
            drop(ask);
        });
    }
}
