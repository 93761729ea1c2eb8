//! Runs code over all blocks, on several threads where there is work for them.

use super::code::{Accumulator, Arg, Code, Instruction, Place};
use super::space::Space;
use crate::backend::Binary;
use crate::memory;
use crate::native::reduce::fold_slice;
use crate::native::simd::Lanes;
use crate::scalar::Scalar;
use rayon::prelude::*;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements that one task computes, and with which a thread is worth its waking.
const TASK: usize = 32 * 1024;

/// Rows that are added one after the other; sums of so many are added in pairs.
const GROUP: usize = 128;

/// The arrays that are written, and the results of the accumulators.
pub(super) fn run<T: Scalar>(space: &Space<'_, T>, code: &Code<T>) -> (Vec<Vec<T>>, Vec<Vec<T>>) {
    let size = |&full: &bool| if full { space.rows * space.inner } else { space.rows };
    let mut arrays: Vec<Vec<T>> = code.arrays.iter().map(|full| memory::buffer(size(full))).collect();
    let tasks = tasks(space, code, &mut arrays);
    let parallel = tasks.len() > 1 && rayon::current_num_threads() > 1;
    let partials: Vec<Vec<Partials<T>>> = if parallel {
        tasks.into_par_iter().map_init(|| Frame::new(space, code), |frame, task| frame.run(task)).collect()
    } else {
        let mut frame = Frame::new(space, code);
        tasks.into_iter().map(|task| frame.run(task)).collect()
    };
    let sums = (code.accumulators.iter().enumerate())
        .map(|(i, accumulator)| combine(accumulator, space, partials.iter().map(|p| &p[i])))
        .collect();
    (arrays, sums)
}

/// The whole in parts that threads can take, each with its part of the arrays.
fn tasks<'a, T: Scalar>(space: &Space<'_, T>, code: &Code<T>, arrays: &'a mut [Vec<T>]) -> Vec<Task<'a, T>> {
    let units = space.rows * space.segments;
    let per_task = units_per_task(space, code);
    let mut rest: SmallVec<[&mut [T]; 4]> = arrays.iter_mut().map(Vec::as_mut_slice).collect();
    let mut tasks = Vec::with_capacity(units.div_ceil(per_task));
    for start in (0..units).step_by(per_task) {
        let units = start..(start + per_task).min(units);
        let mut parts = SmallVec::new();
        for (rest, &full) in rest.iter_mut().zip(&code.arrays) {
            let length = span(space, full, &units).len();
            parts.push(rest.split_off_mut(..length).expect("tasks cover each array once"));
        }
        tasks.push(Task { units, arrays: parts });
    }
    tasks
}

/// The elements of an array that belong to some units.
fn span<T: Scalar>(space: &Space<'_, T>, full: bool, units: &Range<usize>) -> Range<usize> {
    let offset = |unit: usize| match full {
        false => unit / space.segments,
        true => (unit / space.segments) * space.inner + (unit % space.segments) * space.segment,
    };
    offset(units.start)..offset(units.end)
}

/// Blocks, or rows where blocks hold several, that a task computes; a function of the shape alone.
fn units_per_task<T: Scalar>(space: &Space<'_, T>, code: &Code<T>) -> usize {
    let enough = (TASK / space.segment).max(1);
    if !code.accumulators.iter().any(|a| a.by_element) {
        return enough;
    }
    // Each task adds to rows of its own: as few as give work to several threads, and none is cut.
    let rows = space.rows.div_ceil(8).clamp(1, GROUP);
    let rows = if enough > rows * space.segments { enough.next_multiple_of(rows) } else { rows };
    rows * space.segments
}

struct Task<'a, T> {
    units: Range<usize>,
    /// The part of each array that it writes.
    arrays: SmallVec<[&'a mut [T]; 4]>,
}

/// Sums of some rows: the number of the result that each belongs to, and their elements one after the other.
struct Partials<T> {
    keys: Vec<usize>,
    values: Vec<T>,
}

/// An accumulator at work: the rows added since the last partial sum was put aside.
struct Running<T> {
    key: usize,
    added: usize,
    sum: Vec<T>,
    partials: Partials<T>,
}

/// What a thread needs to run tasks.
struct Frame<'a, 'x, T> {
    space: &'a Space<'x, T>,
    code: &'a Code<T>,
    full: Vec<Vec<T>>,
    row: Vec<Vec<T>>,
    /// The current block of the operands that are read where they lie.
    direct: Vec<&'x [T]>,
    gathered: bool,
    running: Vec<Running<T>>,
}

/// What is written to, while it is taken out of its place.
enum Taken<'t, T> {
    Register(Vec<T>),
    Array(&'t mut [T]),
}

/// The block under way.
struct Block {
    row: usize,
    rows: usize,
    /// Where it starts in its row.
    column: usize,
    /// Elements in each row.
    columns: usize,
    /// Its elements in the arrays of the task.
    full: Range<usize>,
    of_rows: Range<usize>,
}

impl Block {
    fn len(&self) -> usize {
        self.rows * self.columns
    }
}

impl<'a, 'x, T: Scalar> Frame<'a, 'x, T> {
    fn new(space: &'a Space<'x, T>, code: &'a Code<T>) -> Self {
        let width = space.segment * space.rows_per_block;
        let running =
            |accumulator: &Accumulator| Running::new(if accumulator.by_element { space.inner } else { 1 });
        Frame {
            space,
            code,
            full: (0..code.full_registers).map(|_| vec![T::zero(); width]).collect(),
            row: (0..code.row_registers).map(|_| vec![T::zero(); space.rows_per_block]).collect(),
            direct: vec![&[]; space.operands.len()],
            gathered: false,
            running: code.accumulators.iter().map(running).collect(),
        }
    }

    fn run(&mut self, mut task: Task<'_, T>) -> Vec<Partials<T>> {
        let space = self.space;
        let (full, of_rows) = (span(space, true, &task.units).start, span(space, false, &task.units).start);
        let mut unit = task.units.start;
        while unit < task.units.end {
            let (row, segment) = (unit / space.segments, unit % space.segments);
            let rows = space.rows_per_block.min(task.units.end - unit);
            let column = segment * space.segment;
            let columns = space.segment.min(space.inner - column);
            let first = row * space.inner + column - full;
            let block = Block {
                row,
                rows,
                column,
                columns,
                full: first..first + rows * columns,
                of_rows: row - of_rows..row - of_rows + rows,
            };
            self.block(&block, &mut task.arrays);
            unit += rows;
        }
        self.running.iter_mut().map(Running::finish).collect()
    }

    fn block(&mut self, block: &Block, arrays: &mut [&mut [T]]) {
        let (space, code) = (self.space, self.code);
        let at = space.place(block.row);
        for (direct, x) in self.direct.iter_mut().zip(&space.operands) {
            if let Some(dense) = x.dense {
                let first = block.row * space.inner + block.column;
                *direct = &dense[first..first + block.len()];
            } else if block.rows == 1 && space.rows_per_block == 1 && x.has_packed_rows() {
                let row = x.row(&at).to_slice().expect("packed rows");
                *direct = &row[block.column..block.column + block.columns];
            }
        }
        for instruction in &code.instructions {
            match instruction {
                Instruction::Gather { once: true, .. } if self.gathered => {}
                Instruction::Gather { operand, into, once } => {
                    // What is gathered once is so for the longest block.
                    let rows = if *once { space.rows_per_block } else { block.rows };
                    let to = &mut self.full[*into][..rows * block.columns];
                    for (i, to) in to.chunks_exact_mut(block.columns).enumerate() {
                        let row = match once {
                            true => space.operands[*operand].row(&at),
                            false => space.operands[*operand].row(&space.place(block.row + i)),
                        };
                        match row.to_slice() {
                            Some(row) => to.copy_from_slice(&row[block.column..block.column + block.columns]),
                            None => {
                                let columns = block.column..block.column + block.columns;
                                let row = row.slice_move(ndarray::s![columns]);
                                to.iter_mut().zip(row).for_each(|(to, &x)| *to = x);
                            }
                        }
                    }
                }
                Instruction::GatherRow { operand, into } => {
                    for (i, to) in self.row[*into][..block.rows].iter_mut().enumerate() {
                        *to = space.operands[*operand].row(&space.place(block.row + i))[0];
                    }
                }
                Instruction::Expand { arg, into } => {
                    let mut to = std::mem::take(&mut self.full[*into]);
                    if let Lanes::Each(numbers) = self.lanes(*arg, false, block, arrays) {
                        for (to, &x) in to.chunks_exact_mut(block.columns).zip(numbers) {
                            to.fill(x);
                        }
                    }
                    self.full[*into] = to;
                }
                Instruction::Map { op, args, full, into } => {
                    self.write([*into], block, arrays, |frame, arrays, [to]| {
                        // Pushing to a list would cost about as much as the operation on a block.
                        let mut lanes = [Lanes::Same(T::zero()); 3];
                        for (lanes, &arg) in lanes.iter_mut().zip(args) {
                            *lanes = frame.lanes(arg, *full, block, arrays);
                        }
                        op.apply(&lanes[..args.len()], to);
                    })
                }
                Instruction::MapPair { op, arg, into } => {
                    self.write(*into, block, arrays, |frame, arrays, to| {
                        let Lanes::Each(elements) = frame.lanes(*arg, true, block, arrays) else {
                            unreachable!("pairs are of blocks")
                        };
                        op.apply(elements, to);
                    })
                }
                Instruction::FoldRow { op, arg, into } => {
                    self.write([*into], block, arrays, |frame, arrays, [to]| {
                        let Lanes::Each(elements) = frame.lanes(*arg, true, block, arrays) else { return };
                        for (to, row) in to.iter_mut().zip(elements.chunks_exact(block.columns)) {
                            *to = fold_slice(*op, row);
                        }
                    })
                }
                Instruction::Accumulate { accumulator, arg } => {
                    self.accumulate(*accumulator, *arg, block, arrays)
                }
            }
        }
        self.gathered = true;
    }

    /// The elements that an instruction on blocks, or on a number for each row, reads.
    #[inline(always)]
    fn lanes<'f>(&'f self, arg: Arg<T>, full: bool, block: &Block, arrays: &'f [&mut [T]]) -> Lanes<'f, T> {
        let of_rows = |all: &'f [T]| match full {
            true => Lanes::Same(all[0]),
            false => Lanes::Each(all),
        };
        match arg {
            Arg::Number(x) => Lanes::Same(x),
            Arg::Full(register) => Lanes::Each(&self.full[register][..block.len()]),
            Arg::Row(register) => of_rows(&self.row[register][..block.rows]),
            Arg::Direct(operand) => Lanes::Each(self.direct[operand]),
            Arg::Output(array) if self.code.arrays[array] => Lanes::Each(&arrays[array][block.full.clone()]),
            Arg::Output(array) => of_rows(&arrays[array][block.of_rows.clone()]),
        }
    }

    /// Computes into registers or arrays, which the computation does not read.
    #[inline(always)]
    fn write<const N: usize>(
        &mut self,
        into: [Place; N],
        block: &Block,
        arrays: &mut [&mut [T]],
        compute: impl FnOnce(&Self, &[&mut [T]], [&mut [T]; N]),
    ) {
        let mut ranges = into
            .map(|place| match place {
                Place::Full(_) => 0..block.len(),
                Place::Row(_) => 0..block.rows,
                Place::Output(array) if self.code.arrays[array] => block.full.clone(),
                Place::Output(_) => block.of_rows.clone(),
            })
            .into_iter();
        let mut taken = into.map(|place| match place {
            Place::Full(register) => Taken::Register(std::mem::take(&mut self.full[register])),
            Place::Row(register) => Taken::Register(std::mem::take(&mut self.row[register])),
            Place::Output(array) => Taken::Array(std::mem::take(&mut arrays[array])),
        });
        let to = taken.each_mut().map(|taken| {
            let range = ranges.next().expect("one for each");
            match taken {
                Taken::Register(all) => &mut all[range],
                Taken::Array(all) => &mut all[range],
            }
        });
        compute(self, arrays, to);
        for (place, taken) in into.into_iter().zip(taken) {
            match (place, taken) {
                (Place::Full(register), Taken::Register(all)) => self.full[register] = all,
                (Place::Row(register), Taken::Register(all)) => self.row[register] = all,
                (Place::Output(array), Taken::Array(all)) => arrays[array] = all,
                _ => unreachable!("each is put back where it was taken from"),
            }
        }
    }

    fn accumulate(&mut self, number: usize, arg: Arg<T>, block: &Block, arrays: &[&mut [T]]) {
        let accumulator = &self.code.accumulators[number];
        let mut running = std::mem::replace(&mut self.running[number], Running::new(0));
        let in_blocks = match arg {
            Arg::Full(_) | Arg::Direct(_) => true,
            Arg::Output(array) => self.code.arrays[array],
            Arg::Row(_) | Arg::Number(_) => false,
        };
        let Lanes::Each(elements) = self.lanes(arg, in_blocks, block, arrays) else {
            unreachable!("what is reduced varies")
        };
        let columns = if in_blocks { block.columns } else { 1 };
        for (i, row) in elements.chunks_exact(columns).enumerate() {
            let place = self.space.place(block.row + i);
            let key = place.iter().zip(&accumulator.strides).map(|(i, stride)| i * stride).sum();
            if accumulator.by_element {
                running.next_row(key, block.column == 0);
                running.add(accumulator.combine, block.column, row);
            } else {
                running.next_row(key, true);
                let total = if in_blocks { fold_slice(accumulator.of_row, row) } else { row[0] };
                running.add(accumulator.combine, 0, &[total]);
            }
        }
        self.running[number] = running;
    }
}

impl<T: Scalar> Running<T> {
    fn new(width: usize) -> Self {
        let partials = Partials { keys: Vec::new(), values: Vec::new() };
        Running { key: 0, added: 0, sum: vec![T::zero(); width], partials }
    }

    /// Makes ready to add to the result `key`; another segment of the same row is no new one.
    fn next_row(&mut self, key: usize, is_new: bool) {
        if !is_new {
            return;
        }
        if key != self.key || self.added == GROUP {
            self.put_aside();
        }
        self.key = key;
        self.added += 1;
    }

    fn add(&mut self, combine: Binary, column: usize, elements: &[T]) {
        let sum = &mut self.sum[column..column + elements.len()];
        match combine {
            _ if self.added == 1 => sum.copy_from_slice(elements),
            Binary::add => sum.iter_mut().zip(elements).for_each(|(sum, &x)| *sum += x),
            _ => sum.iter_mut().zip(elements).for_each(|(sum, &x)| *sum = combine.call(*sum, x)),
        }
    }

    fn put_aside(&mut self) {
        if self.added > 0 {
            self.partials.keys.push(self.key);
            self.partials.values.extend_from_slice(&self.sum);
            self.added = 0;
        }
    }

    fn finish(&mut self) -> Partials<T> {
        self.put_aside();
        std::mem::replace(&mut self.partials, Partials { keys: Vec::new(), values: Vec::new() })
    }
}

/// The results of an accumulator: for each, its partial sums in pairs, pairs of pairs and so on.
fn combine<'p, T: Scalar>(
    accumulator: &Accumulator,
    space: &Space<'_, T>,
    partials: impl Iterator<Item = &'p Partials<T>>,
) -> Vec<T> {
    let width = if accumulator.by_element { space.inner } else { 1 };
    let mut terms: Vec<(usize, &[T])> =
        partials.flat_map(|p| p.keys.iter().copied().zip(p.values.chunks_exact(width))).collect();
    terms.sort_by_key(|&(key, _)| key);
    let mut results = Vec::with_capacity(accumulator.count * width);
    for terms in terms.chunk_by(|a, b| a.0 == b.0) {
        let start = results.len();
        pairwise(accumulator.combine, terms, &mut results);
        debug_assert_eq!(
            (start, results.len()),
            (terms[0].0 * width, start + width),
            "every result has terms"
        );
    }
    results
}

/// Appends the sum of the terms.
fn pairwise<T: Scalar>(combine: Binary, terms: &[(usize, &[T])], results: &mut Vec<T>) {
    match terms {
        [] => {}
        [(_, term)] => results.extend_from_slice(term),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            pairwise(combine, left, results);
            let width = left[0].1.len();
            let mut other = Vec::with_capacity(width);
            pairwise(combine, right, &mut other);
            let start = results.len() - width;
            results[start..].iter_mut().zip(&other).for_each(|(sum, &x)| *sum = combine.call(*sum, x));
        }
    }
}
