//! The gradient that `backward` adds up in a node, on several threads at once.
//!
//! No lock is held while numbers are added: a thread that waits for its helpers runs other tasks meanwhile, and these may want the
//! same gradient. A thread adds what it finds to what it brings, and puts the sum in its place; until then what it
//! found is there to be read.

use crate::backend::Backend;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct GradientSum<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    /// Together, what has been added: one part, and more while several threads are at it.
    parts: SmallVec<[Part<T>; 1]>,
    /// How many parts there have been.
    count: u64,
}

#[derive(Debug)]
struct Part<T> {
    number: u64,
    tensor: Tensor<T>,
    /// Whether a thread is adding it to what it brings.
    is_taken: bool,
}

impl<T> State<T> {
    fn put(&mut self, tensor: Tensor<T>) {
        self.parts.push(Part { number: self.count, tensor, is_taken: false });
        self.count += 1;
    }
}

impl<T> Default for GradientSum<T> {
    fn default() -> Self {
        GradientSum(Mutex::new(State { parts: SmallVec::new(), count: 0 }))
    }
}

impl<T: Scalar> GradientSum<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Handles are moved under this lock, which cannot panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sum, if there is one.
    pub fn get<B: Backend<T>>(&self) -> Option<Tensor<T>> {
        let parts: SmallVec<[Tensor<T>; 1]> =
            self.state().parts.iter().map(|part| part.tensor.clone()).collect();
        parts.into_iter().reduce(|sum, part| sum.accumulate::<B>(&part))
    }

    /// Whether anything was ever added: what was forgotten since counts, too.
    pub fn is_reached(&self) -> bool {
        self.state().count > 0
    }

    pub fn forget(&self) {
        // Dropped after the lock is released.
        let parts = std::mem::take(&mut self.state().parts);
        drop(parts);
    }

    /// Adds `part`, which is computed, in its own memory where nothing else refers to it.
    pub fn add<B: Backend<T>>(&self, part: Tensor<T>) {
        let mut state = self.state();
        if state.parts.is_empty() {
            return state.put(part);
        }
        drop(state);
        let mut sum = part;
        let mut turn = Turn { of: self, taken: SmallVec::new() };
        while let Some(part) = turn.take() {
            sum = sum.accumulate::<B>(&part).into_ready();
        }
        turn.put(sum);
    }
}

/// What a thread has taken; where a backend panics, it is there for others.
struct Turn<'a, T: Scalar> {
    of: &'a GradientSum<T>,
    taken: SmallVec<[u64; 2]>,
}

impl<T: Scalar> Turn<'_, T> {
    /// A part that no thread has taken.
    fn take(&mut self) -> Option<Tensor<T>> {
        let mut state = self.of.state();
        let part = state.parts.iter_mut().find(|part| !part.is_taken)?;
        part.is_taken = true;
        self.taken.push(part.number);
        Some(part.tensor.clone())
    }

    /// Puts the sum in the place of what was taken. What others have added meanwhile stays beside it.
    ///
    /// If another thread has meanwhile forgotten some of what was taken, this gradient is forgotten with it: the two calls may have run
    /// one after the other, this one first.
    fn put(mut self, sum: Tensor<T>) {
        let taken = std::mem::take(&mut self.taken);
        let mut state = self.of.state();
        let parts = std::mem::take(&mut state.parts);
        let (mut old, mut parts): (SmallVec<[Part<T>; 1]>, SmallVec<[_; 1]>) =
            parts.into_iter().partition(|part| taken.contains(&part.number));
        state.parts.append(&mut parts);
        if old.len() == taken.len() {
            state.put(sum);
        } else {
            old.iter_mut().for_each(|part| part.is_taken = false);
            state.parts.append(&mut old);
        }
        drop(state);
        drop(old);
    }
}

impl<T: Scalar> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            for part in self.of.state().parts.iter_mut().filter(|part| self.taken.contains(&part.number)) {
                part.is_taken = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Native;

    /// One thread adds to what was there, while another forgets that, and adds something of its own.
    #[test]
    fn what_is_added_after_it_was_forgotten_stays() {
        let of = |x: f64| Tensor::full(x, &[100]);
        let gradient = GradientSum::default();
        gradient.add::<Native>(of(1.0));
        let mut turn = Turn { of: &gradient, taken: SmallVec::new() };
        assert!(turn.take().is_some());
        gradient.forget();
        gradient.add::<Native>(of(2.0));
        assert!(turn.take().is_some());
        turn.put(of(7.0));
        let sum = || gradient.get::<Native>().and_then(|sum| sum.view().first().copied());
        assert_eq!(sum(), Some(2.0));
        gradient.add::<Native>(of(3.0));
        assert_eq!(sum(), Some(5.0), "it can be taken again");
    }
}
