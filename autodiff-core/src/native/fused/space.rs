//! The order in which an index space is walked.

use super::all;
use crate::copies;
use crate::native::simd::LINE;
use crate::program::{AxisSet, Program, Step};
use crate::scalar::Scalar;
use crate::shape::inverse;
use ndarray::{ArrayD, ArrayView1, ArrayView2, ArrayViewD, Axis, IxDyn, s};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::ops::Range;

/// Bytes of a block: eight of these fit the first-level cache.
const BLOCK: usize = 4 * 1024;

/// The same where functions are half of what is to do: they take longer to begin.
const BLOCK_OF_FUNCTIONS: usize = 2 * BLOCK;

/// Bytes of an array that the second-level cache can't be expected to hold.
const LARGE: usize = 512 * 1024;

/// The axes of a program in the order in which memory has them, merged where nothing tells them apart: rows along the
/// inner axis, and the outer axes that number the rows. Long rows are cut into segments.
pub(super) struct Space<'a, T> {
    shape: SmallVec<[usize; 4]>,
    order: SmallVec<[usize; 4]>,
    /// Lengths of the outer axes, slowest first, and the program's axes in each.
    pub outer: SmallVec<[usize; 4]>,
    pub outer_sets: SmallVec<[AxisSet; 4]>,
    /// Elements in a row.
    pub inner: usize,
    pub inner_set: AxisSet,
    /// Rows.
    pub rows: usize,
    /// Elements in each segment of a row but the last; segments in a row.
    pub segment: usize,
    pub segments: usize,
    /// Rows in a block; 1 where there are segments.
    pub rows_per_block: usize,
    pub operands: Vec<Operand<'a, T>>,
    /// Whether an array with all elements is too large for the caches that are near.
    pub is_large: bool,
}

/// An operand with the outer axes and the inner one, of length 1 where it is repeated.
pub(super) struct Operand<'a, T> {
    view: ArrayViewD<'a, T>,
    /// All rows one after the other, where they are.
    pub dense: Option<&'a [T]>,
}

impl<'a, T: Scalar> Operand<'a, T> {
    /// Whether each row is packed.
    pub fn has_packed_rows(&self) -> bool {
        let inner = self.view.ndim() - 1;
        self.view.strides()[inner] == 1 && self.view.len_of(Axis(inner)) != 1
    }

    pub fn is_same_for_all_rows(&self) -> bool {
        self.view.shape()[..self.view.ndim() - 1].iter().all(|&n| n == 1)
    }

    /// The rows at one place along all outer axes but the last.
    fn panel(&self, at: &[usize]) -> ArrayView2<'a, T> {
        let mut view = self.view.clone();
        for &i in at {
            let i = if view.len_of(Axis(0)) == 1 { 0 } else { i };
            view.index_axis_inplace(Axis(0), i);
        }
        if view.ndim() == 1 {
            view.insert_axis_inplace(Axis(0));
        }
        view.into_dimensionality().expect("an outer axis and the inner one")
    }
}

/// Finds rows by their numbers; those next to each other quickly.
pub(super) struct Cursor<'s, 'a, T> {
    space: &'s Space<'a, T>,
    /// The current place along all outer axes but the last, and the rows of each operand there.
    panel: usize,
    panels: Vec<ArrayView2<'a, T>>,
}

impl<'s, 'a, T: Scalar> Cursor<'s, 'a, T> {
    pub fn new(space: &'s Space<'a, T>) -> Self {
        let mut cursor = Cursor { space, panel: 0, panels: Vec::with_capacity(space.operands.len()) };
        cursor.turn_to(0);
        cursor
    }

    #[cold]
    fn turn_to(&mut self, panel: usize) {
        let outer = self.space.outer.split_last().map_or(&[][..], |(_, outer)| outer);
        let mut at: SmallVec<[usize; 4]> = outer.into();
        let mut rest = panel;
        for place in at.iter_mut().rev() {
            (rest, *place) = (rest / *place, rest % *place);
        }
        self.panel = panel;
        self.panels.clear();
        self.panels.extend(self.space.operands.iter().map(|x| x.panel(&at)));
    }

    pub fn space(&self) -> &'s Space<'a, T> {
        self.space
    }

    /// Turns to a row, and gives its number among those of its panel, and how many there are.
    fn find(&mut self, row: usize) -> (usize, usize) {
        let (panel, row, length) = match *self.space.outer {
            [.., _, length] => (row / length, row % length, length),
            _ => (0, row, self.space.rows),
        };
        if panel != self.panel {
            self.turn_to(panel);
        }
        (row, length)
    }

    /// A row of an operand.
    pub fn row(&mut self, operand: usize, row: usize) -> ArrayView1<'a, T> {
        let (row, _) = self.find(row);
        let rows = self.panels[operand];
        rows.index_axis_move(Axis(0), if rows.nrows() == 1 { 0 } else { row })
    }

    /// Copies part of each of some rows of an operand.
    pub fn gather(&mut self, operand: usize, rows: Range<usize>, columns: Range<usize>, mut to: &mut [T]) {
        let (width, mut next) = (columns.len(), rows.start);
        while next < rows.end {
            let (row, length) = self.find(next);
            let count = (length - row).min(rows.end - next);
            let all = self.panels[operand];
            let place = if all.nrows() == 1 { 0..1 } else { row..row + count };
            let part = all.slice_move(s![place, columns.clone()]);
            let into = to.split_off_mut(..count * width).expect("a place for each element");
            if part.nrows() == count {
                copy(part, into);
            } else {
                let (first, others) = into.split_at_mut(width);
                copy(part, first);
                others.chunks_exact_mut(width).for_each(|to| copies::short(to, first));
            }
            next += count;
        }
    }
}

/// Copies elements in row-major order.
fn copy<T: Scalar>(from: ArrayView2<'_, T>, to: &mut [T]) {
    if let Some(all) = from.to_slice() {
        return to.copy_from_slice(all);
    }
    for (row, to) in from.rows().into_iter().zip(to.chunks_exact_mut(from.ncols())) {
        match row.to_slice() {
            Some(row) => copies::short(to, row),
            None => to.iter_mut().zip(row).for_each(|(to, &x)| *to = x),
        }
    }
}

impl<'a, T: Scalar> Space<'a, T> {
    pub fn new(program: &Program<T>, operands: &[ArrayViewD<'a, T>]) -> Self {
        let order = order(program, operands);
        let mut views: Vec<ArrayViewD<'a, T>> =
            operands.iter().map(|x| x.clone().permuted_axes(IxDyn(&order))).collect();
        // Groups of axes, slowest first: lengths, and the program's axes in them.
        let mut groups: SmallVec<[(usize, AxisSet); 4]> =
            order.iter().map(|&axis| (program.shape()[axis], 1 << axis)).collect();
        let folds: Vec<AxisSet> = program
            .steps()
            .iter()
            .filter_map(|step| match step {
                Step::Fold { axes, .. } => Some(*axes),
                _ => None,
            })
            .collect();
        for at in (0..groups.len()).rev() {
            let (length, set) = groups[at];
            if length == 1 {
                views.iter_mut().for_each(|view| view.index_axis_inplace(Axis(at), 0));
                groups.remove(at);
                continue;
            }
            let Some(&(next_length, next_set)) = groups.get(at + 1) else { continue };
            let alike = folds.iter().all(|&axes| (axes & set == 0) == (axes & next_set == 0))
                && (program.rows() & set == 0) == (program.rows() & next_set == 0)
                && views.iter().all(|view| {
                    let (n, m) = (view.len_of(Axis(at)), view.len_of(Axis(at + 1)));
                    let (s, t) = (view.strides()[at], view.strides()[at + 1]);
                    (n == 1 && m == 1) || (n != 1 && m != 1 && s == t * m as isize)
                });
            if alike {
                for view in &mut views {
                    let merged = view.merge_axes(Axis(at), Axis(at + 1));
                    debug_assert!(merged, "checked above");
                    view.index_axis_inplace(Axis(at), 0);
                }
                groups[at + 1] = (length * next_length, set | next_set);
                groups.remove(at);
            }
        }
        if groups.is_empty() {
            groups.push((1, 0));
            views.iter_mut().for_each(|view| *view = view.clone().insert_axis(Axis(0)));
        }
        Self::of_groups(program, order, groups, views)
    }

    fn of_groups(
        program: &Program<T>,
        order: SmallVec<[usize; 4]>,
        mut groups: SmallVec<[(usize, AxisSet); 4]>,
        views: Vec<ArrayViewD<'a, T>>,
    ) -> Self {
        let in_row = |&(_, set): &(usize, AxisSet)| set & program.rows() != 0;
        debug_assert!(groups.iter().filter(|group| in_row(group)).count() <= 1, "one group in a row");
        let (inner, inner_set) = groups.pop().expect("at least one group");
        let outer: SmallVec<[usize; 4]> = groups.iter().map(|&(length, _)| length).collect();
        let rows = outer.iter().product();
        let block = block_of(program) / size_of::<T>();
        // In parts of one length, which is no less than three quarters of a block.
        let is_cut = program.rows() == 0 && 2 * inner > 3 * block;
        let segment = match is_cut {
            true => inner.div_ceil(inner.div_ceil(block)).next_multiple_of(LINE / size_of::<T>()),
            false => inner,
        };
        let operand = |view: ArrayViewD<'a, T>| {
            let dense = view.to_slice().filter(|all| all.len() == rows * inner);
            Operand { view, dense }
        };
        Space {
            shape: program.shape().into(),
            order,
            outer,
            outer_sets: groups.iter().map(|&(_, set)| set).collect(),
            inner,
            inner_set,
            rows,
            segment,
            segments: inner.div_ceil(segment),
            rows_per_block: if is_cut { 1 } else { (block / inner).clamp(1, rows) },
            operands: views.into_iter().map(operand).collect(),
            is_large: rows * inner * size_of::<T>() >= LARGE,
        }
    }

    pub fn outer_axes(&self) -> AxisSet {
        self.outer_sets.iter().fold(0, |all, set| all | set)
    }

    /// The sum of a row's places along the outer axes, each times its stride.
    pub fn offset(&self, row: usize, strides: &[usize]) -> usize {
        let (mut rest, mut offset) = (row, 0);
        for (&length, stride) in self.outer.iter().zip(strides).skip(1).rev() {
            offset += rest % length * stride;
            rest /= length;
        }
        offset + rest * strides.first().unwrap_or(&0)
    }

    /// The array, over the axes in `varies`, of elements that were computed in the order of this space: in that order, it is what
    /// `of_shape` makes.
    pub fn array(&self, varies: AxisSet, of_shape: impl FnOnce(&[usize]) -> ArrayD<T>) -> ArrayD<T> {
        let length = |&axis: &usize| if (varies >> axis) & 1 == 1 { self.shape[axis] } else { 1 };
        let shape: SmallVec<[usize; 4]> = self.order.iter().map(length).collect();
        of_shape(&shape).permuted_axes(IxDyn(&inverse(&self.order)))
    }
}

fn block_of<T: Scalar>(program: &Program<T>) -> usize {
    let ops = program.steps().iter().filter_map(|step| match step {
        Step::Map { op, .. } => Some(op.is_function()),
        _ => None,
    });
    let (functions, all) = ops.fold((0, 0), |(functions, all), is| (functions + usize::from(is), all + 1));
    if 2 * functions >= all { BLOCK_OF_FUNCTIONS } else { BLOCK }
}

/// A copy of an operand that can't be read along a whole row, where rows have several axes: it has some of them only, or
/// they do not lie one after the other.
pub(super) fn with_whole_rows<T: Scalar>(program: &Program<T>, x: &ArrayViewD<'_, T>) -> Option<ArrayD<T>> {
    let rows: SmallVec<[usize; 4]> = (0..program.shape().len())
        .filter(|&axis| (program.rows() >> axis) & 1 == 1 && program.shape()[axis] != 1)
        .collect();
    let there = rows.iter().filter(|&&axis| x.len_of(Axis(axis)) != 1).count();
    let merge =
        |pair: &[usize]| x.strides()[pair[0]] == x.strides()[pair[1]] * x.len_of(Axis(pair[1])) as isize;
    if there == 0 || (there == rows.len() && rows.windows(2).all(merge)) {
        return None;
    }
    let mut shape: SmallVec<[usize; 4]> = x.shape().into();
    rows.iter().for_each(|&axis| shape[axis] = program.shape()[axis]);
    let repeated = x.broadcast(IxDyn(&shape)).expect("an operand broadcasts to its program's shape");
    // In row-major order, whatever the operand's.
    Some(
        ArrayD::from_shape_vec(IxDyn(&shape), repeated.iter().copied().collect())
            .expect("one for each place"),
    )
}

/// All axes: those of length 1 first, then the outer ones, then those of the rows. The outer ones are in the order in which
/// memory has them.
fn order<T: Scalar>(program: &Program<T>, operands: &[ArrayViewD<'_, T>]) -> SmallVec<[usize; 4]> {
    let long = all(program);
    let mut order: SmallVec<[usize; 4]> = (0..program.shape().len()).collect();
    let is = |set: AxisSet, axis: usize| (set >> axis) & 1 == 1;
    // The first operand that has all axes tells how memory lies.
    let whole = operands.iter().find(|x| x.shape() == program.shape());
    order.sort_by_key(|&axis| {
        let in_rows = is(program.rows(), axis);
        let stride = whole.filter(|_| !in_rows).map_or(0, |x| x.strides()[axis].unsigned_abs());
        (is(long, axis), in_rows, Reverse(stride))
    });
    // Where results for some outer axes are added up over others, those that remain come first: each result is then
    // complete before the next one starts.
    let inner = if program.rows() != 0 { program.rows() } else { order.last().map_or(0, |&axis| 1 << axis) };
    let varies = program.varies();
    let kept = program.outputs().iter().find_map(|&output| match &program.steps()[output] {
        Step::Fold { axes, .. } if axes & long & !inner != 0 => Some(varies[output]),
        _ => None,
    });
    if let Some(kept) = kept {
        order.sort_by_key(|&axis| (is(long, axis), is(inner, axis), !is(kept, axis)));
    }
    order
}
