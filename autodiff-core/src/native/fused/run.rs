//! Runs code over all blocks, on several threads where there is work for them.

use super::ahead::Ahead;
use super::code::{Accumulator, Arg, Code, Instruction, Slot, Weight};
use super::space::{Cursor, Space};
use super::sums::{self, GROUP, Partials, Running};
use crate::memory::Buffer;
use crate::native::reduce::fold_slice;
use crate::native::simd::Lanes;
use crate::scalar::Scalar;
use crate::threads;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements that one task computes, and with which a thread is worth its waking.
const TASK: usize = 32 * 1024;

/// The arrays that are written, and the results of the accumulators.
pub(super) fn run<T: Scalar>(space: &Space<'_, T>, code: &Code<T>) -> (Vec<Buffer<T>>, Vec<Vec<T>>) {
    let size = |slot: &Slot| if slot.full { space.rows * space.inner } else { space.rows };
    let mut arrays: Vec<Buffer<T>> = code.outputs().map(|slot| Buffer::new(size(slot))).collect();
    let tasks = tasks(space, code, &mut arrays);
    let partials: Vec<Vec<Partials<T>>> =
        threads::map_init(tasks, || Frame::new(space, code), |frame, task| frame.run(task));
    let sums = (code.accumulators.iter().enumerate())
        .map(|(i, accumulator)| sums::combine(accumulator, space, partials.iter().map(|p| &p[i])))
        .collect();
    (arrays, sums)
}

/// The whole in parts that threads can take, each with its part of the arrays.
fn tasks<'a, T: Scalar>(
    space: &Space<'_, T>,
    code: &Code<T>,
    arrays: &'a mut [Buffer<T>],
) -> Vec<Task<'a, T>> {
    let units = space.rows * space.segments;
    let per_task = units_per_task(space, code);
    let mut rest: SmallVec<[&mut [T]; 4]> = arrays.iter_mut().map(|array| &mut **array).collect();
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
struct Frame<'a, 'x, T: Scalar> {
    space: &'a Space<'x, T>,
    code: &'a Code<T>,
    cursor: Cursor<'a, 'x, T>,
    /// The memory of the slots that are no outputs.
    registers: Vec<Buffer<T>>,
    running: Vec<Running<T>>,
}

/// The block under way.
#[derive(Clone, Copy)]
struct Block {
    row: usize,
    rows: usize,
    /// Where it starts in its row.
    column: usize,
    /// Elements in each row.
    columns: usize,
}

impl Block {
    /// The first block of some units.
    fn new<T: Scalar>(space: &Space<'_, T>, units: &Range<usize>) -> Self {
        let column = units.start % space.segments * space.segment;
        Block {
            row: units.start / space.segments,
            rows: space.rows_per_block.min(units.len()),
            column,
            columns: space.segment.min(space.inner - column),
        }
    }

    fn len(&self) -> usize {
        self.rows * self.columns
    }

    fn row_numbers(&self) -> Range<usize> {
        self.row..self.row + self.rows
    }

    /// What a slot has of it.
    fn length(&self, slot: &Slot) -> usize {
        if slot.full { self.len() } else { self.rows }
    }
}

impl<'a, 'x, T: Scalar> Frame<'a, 'x, T> {
    fn new(space: &'a Space<'x, T>, code: &'a Code<T>) -> Self {
        let width = space.segment * space.rows_per_block;
        let register = |slot: &Slot| match slot {
            Slot { is_output: true, .. } => Buffer::default(),
            Slot { full: true, .. } => Buffer::new(width),
            Slot { full: false, .. } => Buffer::new(space.rows_per_block),
        };
        let running =
            |accumulator: &Accumulator| Running::new(if accumulator.by_element { space.inner } else { 1 });
        let mut registers: Vec<Buffer<T>> = code.slots.iter().map(register).collect();
        let mut cursor = Cursor::new(space);
        for &(operand, slot) in &code.repeated {
            // The same row for all.
            let (first, others) = registers[slot][..width].split_at_mut(space.inner);
            cursor.gather(operand, 0..1, 0..space.inner, first);
            others.chunks_exact_mut(space.inner).for_each(|to| to.copy_from_slice(first));
        }
        Frame { space, code, cursor, registers, running: code.accumulators.iter().map(running).collect() }
    }

    fn run(&mut self, task: Task<'_, T>) -> Vec<Partials<T>> {
        let Task { mut units, mut arrays } = task;
        while !units.is_empty() {
            self.alike(&mut units, &mut arrays);
        }
        self.running.iter_mut().map(Running::finish).collect()
    }

    /// Computes the next blocks, as many as have the same lengths. The arrays are what is left to write.
    fn alike(&mut self, units: &mut Range<usize>, arrays: &mut [&mut [T]]) {
        let Frame { space, code, cursor, registers, running } = self;
        let mut block = Block::new(space, units);
        let mut slots = SmallVec::<[&mut [T]; 12]>::new();
        slots.extend(code.slots.iter().zip(registers).map(|(slot, register)| match slot.is_output {
            true => Default::default(),
            false => &mut register[..block.length(slot)],
        }));
        let mut direct = SmallVec::<[&[T]; 8]>::from_elem(&[], space.operands.len());
        let mut ahead = Ahead::new(space, code, block.len());
        loop {
            let first = block.row * space.inner + block.column;
            for (i, (x, direct)) in space.operands.iter().zip(&mut direct).enumerate() {
                if let Some(dense) = x.dense {
                    *direct = &dense[first..first + block.len()];
                } else if space.rows_per_block == 1 && x.has_packed_rows() {
                    let row = cursor.row(i, block.row).to_slice().expect("packed rows");
                    *direct = &row[block.column..block.column + block.columns];
                }
            }
            let outputs = slots.iter_mut().zip(&code.slots).filter(|(_, slot)| slot.is_output);
            for ((part, slot), array) in outputs.zip(&mut *arrays) {
                *part = array.split_off_mut(..block.length(slot)).expect("tasks cover each array once");
            }
            let full = code.outputs().zip(&*arrays).filter(|(slot, _)| slot.full);
            ahead.turn_to(first + block.len(), full.map(|(_, array)| &**array));
            let mut data = Data { slots: &mut slots, direct: &direct };
            for instruction in &code.instructions {
                data.execute(instruction, &block, cursor, (&code.accumulators, running), &mut ahead);
            }
            units.start += block.rows;
            let next = Block::new(space, units);
            if units.start == units.end || (next.rows, next.columns) != (block.rows, block.columns) {
                return;
            }
            block = next;
        }
    }
}

/// What the instructions read and write in one block.
struct Data<'d, 's, T> {
    slots: &'d mut [&'s mut [T]],
    /// The block of the operands that are read where they lie.
    direct: &'d [&'d [T]],
}

impl<T: Scalar> Data<'_, '_, T> {
    /// Executes an instruction, while memory brings what the next block needs.
    #[inline(always)]
    fn execute(
        &mut self,
        (instruction, weight): &(Instruction<T>, Weight),
        block: &Block,
        cursor: &mut Cursor<'_, '_, T>,
        (accumulators, running): (&[Accumulator], &mut [Running<T>]),
        ahead: &mut Ahead<'_, '_, T>,
    ) {
        if *weight == Weight::Plain {
            ahead.step();
        }
        match instruction {
            Instruction::Gather { operand, into } => {
                let columns = block.column..block.column + block.columns;
                cursor.gather(*operand, block.row_numbers(), columns, self.slots[*into]);
            }
            Instruction::GatherRow { operand, into } => {
                cursor.gather(*operand, block.row_numbers(), 0..1, self.slots[*into]);
            }
            Instruction::Expand { arg, into } => self.write([*into], |data, [to]| {
                let Lanes::Each(numbers) = data.lanes(arg, false) else { return };
                for (to, &x) in to.chunks_exact_mut(block.columns).zip(numbers) {
                    to.fill(x);
                }
            }),
            Instruction::Map { op, args, full, into } => self.write([*into], |data, [to]| {
                // Pushing to a list would cost about as much as the operation on a block.
                let mut lanes = [Lanes::NONE; 3];
                let lanes = &mut lanes[..args.len()];
                for (lanes, arg) in lanes.iter_mut().zip(args) {
                    *lanes = data.lanes(arg, *full);
                }
                if *weight != Weight::Heavy {
                    op.apply(lanes, to);
                    return;
                }
                for part in ahead.parts(to.len()) {
                    ahead.step();
                    let mut parts = [Lanes::NONE; 3];
                    let parts = &mut parts[..args.len()];
                    parts.iter_mut().zip(&*lanes).for_each(|(to, lanes)| *to = lanes.part(part.clone()));
                    op.apply(parts, &mut to[part]);
                }
            }),
            Instruction::MapPair { op, arg, into } => self.write(*into, |data, [first, second]| {
                let x = data.block(*arg);
                for part in ahead.parts(x.len()) {
                    ahead.step();
                    op.apply(&x[part.clone()], [&mut first[part.clone()], &mut second[part]]);
                }
            }),
            Instruction::FoldRow { op, arg, into } => self.write([*into], |data, [to]| {
                for (to, row) in to.iter_mut().zip(data.block(*arg).chunks_exact(block.columns)) {
                    *to = fold_slice(*op, row);
                }
            }),
            Instruction::Accumulate { accumulator, arg } => {
                let (accumulator, running) = (&accumulators[*accumulator], &mut running[*accumulator]);
                accumulate(cursor.space(), block, accumulator, *arg, self, running);
            }
        }
    }

    /// The elements that an instruction on blocks, or on a number for each row, reads.
    #[inline(always)]
    fn lanes<'a>(&'a self, arg: &'a Arg<T>, full: bool) -> Lanes<'a, T> {
        match arg {
            Arg::Number(x) => Lanes::Same(x),
            &Arg::Block(slot) => Lanes::Each(self.slots[slot]),
            &Arg::Rows(slot) if full => Lanes::Same(&self.slots[slot][0]),
            &Arg::Rows(slot) => Lanes::Each(self.slots[slot]),
            &Arg::Direct(operand) => Lanes::Each(self.direct[operand]),
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
