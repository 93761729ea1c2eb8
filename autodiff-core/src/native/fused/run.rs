//! Runs code over all blocks, on several threads where there is work for them.

use super::code::{Accumulator, Arg, Code, Instruction, Slot};
use super::register::Register;
use super::space::{Cursor, Space};
use super::sums::{self, GROUP, Partials, Running};
use crate::memory;
use crate::native::reduce::fold_slice;
use crate::native::simd::{LINE, Lanes, fetch};
use crate::scalar::Scalar;
use rayon::prelude::*;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements that one task computes, and with which a thread is worth its waking.
const TASK: usize = 32 * 1024;

/// The arrays that are written, and the results of the accumulators.
pub(super) fn run<T: Scalar>(space: &Space<'_, T>, code: &Code<T>) -> (Vec<Vec<T>>, Vec<Vec<T>>) {
    let size = |slot: &Slot| if slot.full { space.rows * space.inner } else { space.rows };
    let mut arrays: Vec<Vec<T>> = code.outputs().map(|slot| memory::buffer(size(slot))).collect();
    let tasks = tasks(space, code, &mut arrays);
    let parallel = tasks.len() > 1 && rayon::current_num_threads() > 1;
    let partials: Vec<Vec<Partials<T>>> = if parallel {
        tasks.into_par_iter().map_init(|| Frame::new(space, code), |frame, task| frame.run(task)).collect()
    } else {
        let mut frame = Frame::new(space, code);
        tasks.into_iter().map(|task| frame.run(task)).collect()
    };
    let sums = (code.accumulators.iter().enumerate())
        .map(|(i, accumulator)| sums::combine(accumulator, space, partials.iter().map(|p| &p[i])))
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
        for (rest, slot) in rest.iter_mut().zip(code.outputs()) {
            let length = span(space, slot.full, &units).len();
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

/// What a thread needs to run tasks.
struct Frame<'a, 'x, T> {
    space: &'a Space<'x, T>,
    code: &'a Code<T>,
    cursor: Cursor<'a, 'x, T>,
    /// The memory of the slots that are no outputs.
    registers: Vec<Register<T>>,
    /// The current block of the operands that are read where they lie.
    direct: Vec<&'x [T]>,
    running: Vec<Running<T>>,
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

    fn row_numbers(&self) -> Range<usize> {
        self.row..self.row + self.rows
    }
}

impl<'a, 'x, T: Scalar> Frame<'a, 'x, T> {
    fn new(space: &'a Space<'x, T>, code: &'a Code<T>) -> Self {
        let width = space.segment * space.rows_per_block;
        let register = |slot: &Slot| match slot {
            Slot { is_output: true, .. } => Register::new(0),
            Slot { full: true, .. } => Register::new(width),
            Slot { full: false, .. } => Register::new(space.rows_per_block),
        };
        let running =
            |accumulator: &Accumulator| Running::new(if accumulator.by_element { space.inner } else { 1 });
        let mut registers: Vec<Register<T>> = code.slots.iter().map(register).collect();
        let mut cursor = Cursor::new(space);
        for &(operand, slot) in &code.repeated {
            let rows = registers[slot].first(width).chunks_exact_mut(space.inner);
            rows.for_each(|to| cursor.gather(operand, 0, 0..space.inner, to));
        }
        Frame {
            space,
            code,
            cursor,
            registers,
            direct: vec![&[]; space.operands.len()],
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
        let Frame { space, code, cursor, registers, direct, running } = self;
        let first = block.row * space.inner + block.column;
        for (i, (x, direct)) in space.operands.iter().zip(&mut *direct).enumerate() {
            if let Some(dense) = x.dense {
                *direct = &dense[first..first + block.len()];
            } else if space.rows_per_block == 1 && x.has_packed_rows() {
                let row = cursor.row(i, block.row).to_slice().expect("packed rows");
                *direct = &row[block.column..block.column + block.columns];
            }
        }
        let mut ahead = Ahead::new(block.len(), code.instructions.len());
        if space.is_large {
            ahead.read.extend(space.operands.iter().filter_map(|x| Some(&x.dense?[first + block.len()..])));
        }
        let mut arrays = arrays.iter_mut();
        let mut slots = SmallVec::<[&mut [T]; 12]>::new();
        for (slot, register) in code.slots.iter().zip(registers) {
            slots.push(match (slot.is_output, slot.full) {
                (true, full) => {
                    let array = &mut **arrays.next().expect("an array for each output");
                    if full {
                        let (now, next) = array[block.full.start..].split_at_mut(block.len());
                        ahead.written.push(next);
                        now
                    } else {
                        &mut array[block.of_rows.clone()]
                    }
                }
                (false, true) => register.first(block.len()),
                (false, false) => register.first(block.rows),
            });
        }
        let mut data = Data { slots: &mut slots, direct };
        for instruction in &code.instructions {
            if space.is_large {
                ahead.step();
            }
            match instruction {
                Instruction::Gather { operand, into } => {
                    let rows = data.slots[*into].chunks_exact_mut(block.columns).zip(block.row_numbers());
                    let columns = block.column..block.column + block.columns;
                    rows.for_each(|(to, row)| cursor.gather(*operand, row, columns.clone(), to));
                }
                Instruction::GatherRow { operand, into } => {
                    for (to, row) in data.slots[*into].iter_mut().zip(block.row_numbers()) {
                        *to = cursor.row(*operand, row)[0];
                    }
                }
                Instruction::Expand { arg, into } => data.write([*into], |data, [to]| {
                    let Lanes::Each(numbers) = data.lanes(*arg, false) else { return };
                    for (to, &x) in to.chunks_exact_mut(block.columns).zip(numbers) {
                        to.fill(x);
                    }
                }),
                Instruction::Map { op, args, full, into } => data.write([*into], |data, [to]| {
                    // Pushing to a list would cost about as much as the operation on a block.
                    let mut lanes = [Lanes::Same(T::zero()); 3];
                    for (lanes, &arg) in lanes.iter_mut().zip(args) {
                        *lanes = data.lanes(arg, *full);
                    }
                    op.apply(&lanes[..args.len()], to);
                }),
                Instruction::MapPair { op, arg, into } => data.write(*into, |data, to| {
                    op.apply(data.block(*arg), to);
                }),
                Instruction::FoldRow { op, arg, into } => data.write([*into], |data, [to]| {
                    for (to, row) in to.iter_mut().zip(data.block(*arg).chunks_exact(block.columns)) {
                        *to = fold_slice(*op, row);
                    }
                }),
                Instruction::Accumulate { accumulator, arg } => {
                    let running = &mut running[*accumulator];
                    accumulate(space, block, &code.accumulators[*accumulator], *arg, &data, running);
                }
            }
        }
    }
}

/// What the blocks to come read from and write to memory.
///
/// As much of it as the next block needs is asked for, a part with each of the first instructions: else the first that
/// reads it would wait for memory, and memory for all others.
struct Ahead<'n, T> {
    read: SmallVec<[&'n [T]; 4]>,
    written: SmallVec<[&'n [T]; 4]>,
    /// The elements that the next block needs of each, those that are asked for in one step, and those that have been.
    block: usize,
    share: usize,
    done: usize,
}

impl<T> Ahead<'_, T> {
    /// The least that is worth a step.
    const LINES: usize = 8;

    fn new(block: usize, steps: usize) -> Self {
        let line = LINE / size_of::<T>();
        let share = block.div_ceil(steps.max(1)).max(Self::LINES * line).next_multiple_of(line);
        Ahead { read: SmallVec::new(), written: SmallVec::new(), block, share, done: 0 }
    }

    #[inline(always)]
    fn step(&mut self) {
        if self.done >= self.block {
            return;
        }
        let part = self.done..self.done + self.share;
        self.done = part.end;
        for next in self.read.iter().filter_map(|all| all.get(part.clone())) {
            fetch::<T, false>(next);
        }
        for next in self.written.iter().filter_map(|all| all.get(part.clone())) {
            fetch::<T, true>(next);
        }
    }
}

/// What the instructions read and write in one block.
struct Data<'d, 's, T> {
    slots: &'d mut [&'s mut [T]],
    direct: &'d [&'d [T]],
}

impl<T: Scalar> Data<'_, '_, T> {
    /// The elements that an instruction on blocks, or on a number for each row, reads.
    #[inline(always)]
    fn lanes(&self, arg: Arg<T>, full: bool) -> Lanes<'_, T> {
        match arg {
            Arg::Number(x) => Lanes::Same(x),
            Arg::Block(slot) => Lanes::Each(self.slots[slot]),
            Arg::Rows(slot) if full => Lanes::Same(self.slots[slot][0]),
            Arg::Rows(slot) => Lanes::Each(self.slots[slot]),
            Arg::Direct(operand) => Lanes::Each(self.direct[operand]),
        }
    }

    /// The elements of a block.
    #[inline(always)]
    fn block(&self, arg: Arg<T>) -> &[T] {
        match arg {
            Arg::Block(slot) | Arg::Rows(slot) => self.slots[slot],
            Arg::Direct(operand) => self.direct[operand],
            Arg::Number(_) => unreachable!("a number is no block"),
        }
    }

    /// Computes what slots hold from others.
    #[inline(always)]
    fn write<const N: usize>(&mut self, into: [usize; N], compute: impl FnOnce(&Self, [&mut [T]; N])) {
        let mut taken = into.map(|slot| std::mem::take(&mut self.slots[slot]));
        compute(self, taken.each_mut().map(|to| &mut **to));
        for (slot, taken) in into.into_iter().zip(taken) {
            self.slots[slot] = taken;
        }
    }
}

/// Adds rows of elements, or the number of each row, to an accumulator.
fn accumulate<T: Scalar>(
    space: &Space<'_, T>,
    block: &Block,
    accumulator: &Accumulator,
    arg: Arg<T>,
    data: &Data<'_, '_, T>,
    running: &mut Running<T>,
) {
    let in_blocks = !matches!(arg, Arg::Rows(_));
    let columns = if in_blocks { block.columns } else { 1 };
    for (row, elements) in block.row_numbers().zip(data.block(arg).chunks_exact(columns)) {
        let key = space.offset(row, &accumulator.strides);
        if accumulator.by_element {
            running.next_row(key, block.column == 0);
            running.add(accumulator.combine, block.column, elements);
        } else {
            running.next_row(key, true);
            let total = if in_blocks { fold_slice(accumulator.of_row, elements) } else { elements[0] };
            running.add(accumulator.combine, 0, &[total]);
        }
    }
}
