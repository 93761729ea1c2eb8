//! Drops that do not recurse: what a function of a user captured may hold another such function, and so on without end.

use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// What is to be dropped, while something is.
    static LATER: RefCell<Option<Vec<Box<dyn Any>>>> = const { RefCell::new(None) };
}

/// Drops `x`, and then what its drop, and theirs, gave to this function.
pub(crate) fn in_turn(x: Box<dyn Any>) {
    /// While it is there, drops wait their turn. It is dropped on a panic, too, so that later ones do not wait for ever.
    struct Turn;
    impl Drop for Turn {
        fn drop(&mut self) {
            LATER.take();
        }
    }
    let mut x = Some(x);
    // At the end of a thread, when its variables are gone, it is dropped at once.
    let turn = LATER.try_with(|later| match &mut *later.borrow_mut() {
        Some(later) => {
            later.extend(x.take());
            None
        }
        none => {
            *none = Some(Vec::new());
            Some(Turn)
        }
    });
    drop(x);
    if let Ok(Some(_turn)) = turn {
        while let Some(next) = LATER.with_borrow_mut(|later| later.as_mut()?.pop()) {
            drop(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Chain(Option<Box<Chain>>);

    impl Drop for Chain {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Relaxed);
            if let Some(next) = self.0.take() {
                in_turn(next);
            }
        }
    }

    fn chain(n: usize) -> Box<Chain> {
        (1..n).fold(Box::new(Chain(None)), |chain, _| Box::new(Chain(Some(chain))))
    }

    #[test]
    fn long_chains_end_also_after_a_panic_and_at_the_end_of_a_thread() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("a user's error");
            }
        }
        thread_local!(static LAST: RefCell<Option<Box<Chain>>> = const { RefCell::new(None) });
        std::thread::spawn(|| {
            LAST.set(Some(chain(10)));
            drop(chain(1_000_000));
            assert_eq!(DROPPED.load(Relaxed), 1_000_000);
            assert!(std::panic::catch_unwind(|| in_turn(Box::new(Panics))).is_err());
            drop(chain(10));
            assert_eq!(DROPPED.load(Relaxed), 1_000_010);
        })
        .join()
        .expect("no panic");
        assert_eq!(DROPPED.load(Relaxed), 1_000_020);
    }
}
