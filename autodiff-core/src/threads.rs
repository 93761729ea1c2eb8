//! Work that threads share.
//!
//! A thread that waits for what others have taken runs other tasks of `rayon` meanwhile, and these can be a user's, from the middle
//! of our work. Such a task must find the thread as it is outside of all functions, and no lock may be held that it takes.

use crate::{follow, graph};
use rayon::prelude::*;

/// Runs both, on two threads where one is free.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    lent(|| rayon::join(a, b))
}

/// Runs `f` with each item, on as many threads as are free.
pub(crate) fn each<I: Send>(items: impl IntoParallelIterator<Item = I>, f: impl Fn(I) + Send + Sync) {
    lent(|| items.into_par_iter().for_each(f));
}

/// What `f` makes of each item, and of what `init` makes for those that a thread takes together.
pub(crate) fn map_init<I: Send, S, R: Send>(
    items: impl IntoParallelIterator<Item = I, Iter: IndexedParallelIterator>,
    init: impl Fn() -> S + Send + Sync,
    f: impl Fn(&mut S, I) -> R + Send + Sync,
) -> Vec<R> {
    lent(|| items.into_par_iter().map_init(init, f).collect())
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
