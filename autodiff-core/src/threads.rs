//! Work that threads share.
//!
//! A thread that waits for what others have taken runs other tasks of `rayon` meanwhile, and these can be a user's, from the middle
//! of our work. Such a task must find the thread as it is outside of all functions, and no lock may be held that it takes.

use crate::{follow, graph};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;
use std::time::{Duration, Instant};

/// Runs `f` with each item, on as many threads as are free.
pub(crate) fn each<I: Send>(
    items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator + Send>,
    f: impl Fn(I) + Sync,
) {
    map_init(items, || (), |(), item| f(item));
}

/// What `f` makes of each item, and of what `init` makes for those that a thread takes.
pub(crate) fn map_init<I: Send, S, R: Send>(
    items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator + Send>,
    init: impl Fn() -> S + Sync,
    f: impl Fn(&mut S, I) -> R + Sync,
) -> Vec<R> {
    let items = items.into_iter();
    let helpers = items.len().min(rayon::current_num_threads()).saturating_sub(1);
    if helpers == 0 || IS_AT_WORK.get() {
        let mut own = init();
        return items.map(|item| f(&mut own, item)).collect();
    }
    let (items, results) = (Mutex::new(items.enumerate()), Mutex::new(Vec::new()));
    let next = || locked(&items).next();
    shared(helpers, || {
        let Some(first) = next() else { return };
        let mut own = init();
        for (place, item) in std::iter::once(first).chain(std::iter::from_fn(next)) {
            let result = f(&mut own, item);
            locked(&results).push((place, result));
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What is locked is moved under the lock, which cannot panic.
fn locked<T>(x: &Mutex<T>) -> MutexGuard<'_, T> {
    x.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Whether this thread, which is none of `rayon`'s, is at work that it shares: what it shared out meanwhile would wait for helpers
    /// that are at that work, too.
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on this thread and on so many of `rayon`'s.
///
/// (`rayon::join` on a thread that is none of `rayon`'s, as a program's first, has two others woken and that one sleep: three wakings
/// where one is needed, each of which takes as long as the work on some ten thousand elements.)
fn shared(helpers: usize, work: impl Fn() + Sync) {
    /// As long as it takes to wake a thread.
    const PATIENCE: Duration = Duration::from_micros(50);
    let is_helper = rayon::current_thread_index().is_some();
    let running = AtomicUsize::new(helpers);
    lent(|| {
        rayon::in_place_scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|_| {
                    work();
                    running.fetch_sub(1, Ordering::Release);
                });
            }
            if is_helper {
                return work();
            }
            with(&IS_AT_WORK, true, &work);
            let start = Instant::now();
            while running.load(Ordering::Acquire) > 0 && start.elapsed() < PATIENCE {
                std::hint::spin_loop();
            }
        });
    });
}

/// Runs `f` with another value in a cell of this thread, and restores what was, also when `f` panics.
pub(crate) fn with<T: Copy + 'static, R>(
    cell: &'static LocalKey<Cell<T>>,
    value: T,
    f: impl FnOnce() -> R,
) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    f()
}

/// Runs `wait`, in which this thread may run any task.
fn lent<R>(wait: impl FnOnce() -> R) -> R {
    graph::recorded(|| follow::followed_by_none(wait))
}

#[cfg(test)]
mod tests {
    use crate::native::Value;
    use crate::{graph, jvp, no_grad};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// On a thread that is none of rayon's, on one that is, and from within shared work.
    #[test]
    fn each_item_is_taken_once_and_results_are_in_order() {
        let squares = |n: usize| {
            let inner =
                |i: usize| super::map_init(vec![i; 3], || 2, |two, i| i.pow(*two)).iter().sum::<usize>();
            super::map_init((0..n).collect::<Vec<_>>(), || (), |(), i| inner(i))
        };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("threads");
        for n in [0, 1, 2, 7, 1000] {
            let want: Vec<usize> = (0..n).map(|i| 3 * i * i).collect();
            assert_eq!(squares(n), want);
            assert_eq!(threads.install(|| squares(n)), want);
        }
    }

    #[test]
    fn a_panic_comes_through_and_leaves_nothing_behind() {
        for _ in 0..20 {
            for bad in [0, 5, 99] {
                let items: Vec<usize> = (0..100).collect();
                let run = || super::each(items, |i| assert_ne!(i, bad));
                assert!(std::panic::catch_unwind(run).is_err());
            }
            assert!(!super::IS_AT_WORK.get());
        }
    }

    /// Tasks of a user that a thread runs while it waits, inside `no_grad` and inside a function whose tangents are taken.
    #[test]
    fn tasks_that_a_waiting_thread_runs_find_it_as_others_do() {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("threads");
        let (small, large) = (Value::new(3.0), Value::new(ndarray::Array1::<f64>::ones(200_000)));
        let inside = AtomicUsize::new(0);
        let (tasks, count) = (400, &AtomicUsize::new(0));
        threads.scope(|scope| {
            for i in 0..tasks {
                let (small, large, inside) = (&small, &large, &inside);
                scope.spawn(move |_| match i % 4 {
                    0 => drop(no_grad(|| large.sin().sum().item())),
                    1 => drop(jvp(|x| x.sin().sum(), large, large).1.item()),
                    _ => {
                        inside.fetch_add(usize::from(!graph::is_recording()), Relaxed);
                        (small * 3.0 + small.square()).backward();
                        count.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert_eq!((inside.load(Relaxed), count.load(Relaxed)), (0, tasks / 2));
        assert_eq!(small.grad().item(), 9.0 * (tasks / 2) as f64);
    }
}
