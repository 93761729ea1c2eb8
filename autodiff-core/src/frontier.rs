//! What a sweep has reached and not yet visited.

use smallvec::SmallVec;
use std::collections::BTreeMap;

/// A map from numbers, of which the largest is taken first.
///
/// A sweep mostly goes on with what it has just reached: a few entries with the largest numbers are kept in a row, where
/// finding one takes a few comparisons, and the others in a tree.
pub(crate) struct Frontier<V> {
    /// By rising number, each larger than all in the tree.
    near: SmallVec<[(u64, V); NEAR]>,
    far: BTreeMap<u64, V>,
}

const NEAR: usize = 8;

impl<V> Default for Frontier<V> {
    fn default() -> Self {
        Frontier { near: SmallVec::new(), far: BTreeMap::new() }
    }
}

impl<V> Frontier<V> {
    /// The place of a number among the near ones: where it is, or would be.
    fn place(&self, number: u64) -> Result<usize, usize> {
        match self.near.iter().rposition(|&(other, _)| other <= number) {
            Some(i) if self.near[i].0 == number => Ok(i),
            Some(i) => Err(i + 1),
            None => Err(0),
        }
    }

    /// Adds an entry under a number that has none.
    pub fn insert(&mut self, number: u64, value: V) {
        let place = self.place(number).unwrap_or_else(|i| i);
        let full = self.near.len() == NEAR;
        if place == 0 && (full || self.far.last_key_value().is_some_and(|(&far, _)| far > number)) {
            self.far.insert(number, value);
        } else if full {
            let (oldest, moved) = self.near.remove(0);
            self.far.insert(oldest, moved);
            self.near.insert(place - 1, (number, value));
        } else {
            self.near.insert(place, (number, value));
        }
    }

    /// The entry under a number.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        match self.place(number) {
            Ok(i) => Some(&mut self.near[i].1),
            Err(0) => self.far.get_mut(&number),
            Err(_) => None,
        }
    }

    /// Takes the entry with the largest number.
    pub fn pop_last(&mut self) -> Option<V> {
        match self.near.pop() {
            Some((_, value)) => Some(value),
            None => self.far.pop_last().map(|(_, value)| value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same calls on a plain map.
    #[test]
    fn it_is_a_map() {
        let mut state = 1u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        for span in [4, 20, 1000] {
            let (mut frontier, mut map) = (Frontier::default(), BTreeMap::new());
            for step in 0..5000 {
                let number = random(span);
                match random(3) {
                    0 => assert_eq!(frontier.pop_last(), map.pop_last().map(|(_, value)| value)),
                    _ => match frontier.get_mut(number) {
                        Some(value) => {
                            assert_eq!(map.insert(number, step), Some(*value));
                            *value = step;
                        }
                        None => {
                            frontier.insert(number, step);
                            assert_eq!(map.insert(number, step), None);
                        }
                    },
                }
            }
            while let Some(value) = frontier.pop_last() {
                assert_eq!(Some(value), map.pop_last().map(|(_, value)| value));
            }
            assert!(map.is_empty());
        }
    }
}
