//! What a sweep has reached and not yet visited.

use std::collections::BTreeMap;

/// A map from numbers, of which the largest is taken first.
///
/// A sweep mostly goes on with what it has just reached: a few entries with the largest numbers are kept in a row, where
/// finding one takes a few comparisons, and the others in a tree.
pub(crate) struct Frontier<V> {
    /// By rising number, each larger than all in the tree.
    near: [u64; NEAR],
    /// Of each near number, of which there are as many.
    values: [Option<V>; NEAR],
    len: usize,
    far: BTreeMap<u64, V>,
}

const NEAR: usize = 8;

/// Where a number would be inserted, until another is.
pub(crate) struct Place(usize);

impl<V> Default for Frontier<V> {
    fn default() -> Self {
        Frontier { near: [0; NEAR], values: [const { None }; NEAR], len: 0, far: BTreeMap::new() }
    }
}

impl<V> Frontier<V> {
    /// The entry under a number, or the place for one.
    #[inline]
    pub fn find(&mut self, number: u64) -> Result<&mut V, Place> {
        let place = self.near[..self.len].iter().rposition(|&other| other <= number).map_or(0, |i| i + 1);
        let there = match place.checked_sub(1) {
            Some(i) => self.values[i].as_mut().filter(|_| self.near[i] == number),
            None if self.far.is_empty() => None,
            None => self.far.get_mut(&number),
        };
        there.ok_or(Place(place))
    }

    /// Adds an entry at the place for its number.
    #[inline(always)] // a value that is made for it is made in its place
    pub fn insert(&mut self, Place(place): Place, number: u64, value: V) {
        if 0 < place && place == self.len && place < NEAR {
            self.near[place] = number;
            self.values[place] = Some(value);
            self.len += 1;
        } else {
            self.insert_between(place, number, value);
        }
    }

    #[inline(never)]
    fn insert_between(&mut self, mut place: usize, number: u64, value: V) {
        let full = self.len == NEAR;
        if place == 0 && (full || self.far.last_key_value().is_some_and(|(&far, _)| far > number)) {
            self.far.insert(number, value);
            return;
        }
        if full {
            self.move_away();
            place -= 1;
        }
        for i in (place..self.len).rev() {
            self.near[i + 1] = self.near[i];
            self.values.swap(i, i + 1);
        }
        self.near[place] = number;
        self.values[place] = Some(value);
        self.len += 1;
    }

    /// Moves the near entry with the smallest number to the tree.
    #[cold]
    fn move_away(&mut self) {
        self.far.extend(self.values[0].take().map(|moved| (self.near[0], moved)));
        self.near.rotate_left(1);
        self.values.rotate_left(1);
        self.len -= 1;
    }

    /// Takes the entry with the largest number.
    #[inline]
    pub fn pop_last(&mut self) -> Option<V> {
        match self.len.checked_sub(1) {
            Some(last) => {
                self.len = last;
                self.values[last].take()
            }
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
                    _ => match frontier.find(number) {
                        Ok(value) => {
                            assert_eq!(map.insert(number, step), Some(*value));
                            *value = step;
                        }
                        Err(place) => {
                            frontier.insert(place, number, step);
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
