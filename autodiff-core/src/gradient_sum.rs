//! The gradient that `backward` adds up in a node, on several threads at once.
//!
//! No lock is held while numbers are added: a thread that waits for its helpers runs other tasks meanwhile, and these may want the
//! same gradient. One thread at a time adds, to what it brings; the sum that there is stays to be read. What others
//! bring meanwhile waits beside it, and is added by the one that is at it.

use crate::backend::Backend;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of a sum.
type Parts<T> = SmallVec<[Tensor<T>; 1]>;

#[derive(Debug)]
pub(crate) struct GradientSum<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    /// Together, what has been added.
    parts: Parts<T>,
    /// Whether a thread is adding them to what it brings.
    is_busy: bool,
    /// How often all was forgotten.
    forgotten: u64,
}

impl<T> Default for GradientSum<T> {
    fn default() -> Self {
        GradientSum(Mutex::new(State { parts: Parts::new(), is_busy: false, forgotten: 0 }))
    }
}

impl<T: Scalar> GradientSum<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Handles are moved under this lock, which cannot panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sum, if there is one.
    pub fn get<B: Backend<T>>(&self) -> Option<Tensor<T>> {
        let parts = self.state().parts.clone();
        parts.into_iter().reduce(|sum, part| sum.accumulate::<B>(&part))
    }

    pub fn forget(&self) {
        let mut state = self.state();
        state.forgotten += 1;
        state.is_busy = false;
        let parts = std::mem::take(&mut state.parts);
        drop(state);
        drop(parts);
    }

    /// Adds `part`, which is computed, in its own memory where nothing else refers to it.
    pub fn add<B: Backend<T>>(&self, part: Tensor<T>) {
        let mut state = self.state();
        if state.parts.is_empty() || state.is_busy {
            state.parts.push(part);
            return;
        }
        state.is_busy = true;
        let turn = Turn { of: self, forgotten: state.forgotten };
        let (mut sum, mut added) = (part, 0);
        loop {
            let more: Parts<T> = state.parts[added..].iter().cloned().collect();
            drop(state);
            added += more.len();
            for part in &more {
                sum = sum.accumulate::<B>(part).into_ready();
            }
            state = self.state();
            if state.forgotten != turn.forgotten {
                return; // as if it had been added before
            }
            if state.parts.len() == added {
                let parts = std::mem::replace(&mut state.parts, Parts::from_iter([sum]));
                drop(state);
                drop(parts);
                return;
            }
        }
    }
}

/// The turn of the thread that adds; it ends also where a backend panics, and the parts are then as they were.
struct Turn<'a, T: Scalar> {
    of: &'a GradientSum<T>,
    forgotten: u64,
}

impl<T: Scalar> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut state = self.of.state();
        if state.forgotten == self.forgotten {
            state.is_busy = false;
        }
    }
}
