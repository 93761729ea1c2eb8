//! A product in parts, and the rows of a part in tiles.

use std::ops::Range;

/// A multiple of the rows of all kinds of tiles.
pub(super) const TILES: usize = 24;

/// Cuts `0..n` into parts as even as can be, of a multiple of `unit`, of which none is longer than `most`, if that is one too.
#[derive(Clone)]
pub(super) struct Cut {
    rest: Range<usize>,
    /// That of all parts but the last, which may be shorter.
    pub length: usize,
}

impl Cut {
    pub fn new(n: usize, most: usize, unit: usize) -> Self {
        // Divisions take as long as a tile of a small product.
        let length = if n <= most { n } else { n.div_ceil(n.div_ceil(most.max(unit))) };
        Cut { rest: 0..n, length: length.next_multiple_of(unit) }
    }

    pub fn is_one(&self) -> bool {
        self.length >= self.rest.end
    }
}

impl Iterator for Cut {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.rest.start;
        self.rest.start = self.rest.end.min(start + self.length);
        (start < self.rest.end).then_some(start..self.rest.start)
    }
}

/// What is computed while its part of the left operand stays in the second-level cache.
pub(super) struct Part {
    pub rows: Range<usize>,
    pub strips: [Strip; 2],
    pub inner: Range<usize>,
    pub columns: Range<usize>,
}

/// Rows that are computed in tiles of one height.
pub(super) struct Strip {
    pub rows: Range<usize>,
    pub height: usize,
    /// The rows in the tiles before.
    pub place: usize,
}

impl Strip {
    /// The first row of each tile that is not in the one before, and that of the tile: the last one goes over rows of the one before.
    #[inline(always)]
    pub fn tiles<const R: usize>(&self) -> impl Iterator<Item = (usize, usize)> {
        let last = self.rows.end - R;
        self.rows.clone().step_by(R).map(move |i| (i, i.min(last)))
    }
}

/// Rows in tiles of `R`, and those that are left in lower ones.
pub(super) fn strips<const R: usize>(rows: &Range<usize>) -> [Strip; 2] {
    let (m, rest) = (rows.len(), rows.len() % R);
    let (tall, low) = match (m, rest) {
        (..4, _) => (0, 1),
        // One kind of tiles starts sooner than two.
        (..=16, _) if R < 8 => (0, 4),
        // One more tile has as many rows as two low ones.
        (_, 5..) if m >= R => (m, 4),
        // Two low tiles have fewer than one and a low one.
        (_, 1..3) if m >= R && R < 8 => (m - rest - R, 4),
        _ => (m - rest, 4),
    };
    let middle = rows.start + tall;
    [
        Strip { rows: rows.start..middle, height: R, place: 0 },
        Strip { rows: middle..rows.end, height: low, place: tall.next_multiple_of(R) },
    ]
}
