//! A program as instructions on registers.

use super::space::Space;
use crate::backend::{Binary, Elementwise, Reduction, Unary};
use crate::native::reduce;
use crate::program::{AxisSet, Program, Step};
use crate::rules::elementwise::Pair;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayViewD};
use smallvec::SmallVec;

/// Where an instruction finds what it reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<T> {
    Number(T),
    /// A slot with the elements of a block.
    Block(usize),
    /// A slot with a number for each row of a block.
    Rows(usize),
    /// An operand, where it lies.
    Direct(usize),
}

/// What a slot, of which instructions know the number, stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Whether it has all elements of a block, rather than a number for each row.
    pub full: bool,
    /// Whether it is the block's part of the next of the arrays that are written, rather than a register.
    pub is_output: bool,
}

#[derive(Debug)]
pub(super) enum Instruction<T> {
    /// Copies a block of an operand.
    Gather {
        operand: usize,
        into: usize,
    },
    /// Copies the numbers that an operand has for the rows of a block.
    GatherRow {
        operand: usize,
        into: usize,
    },
    /// Repeats each row's number along the row.
    Expand {
        arg: Arg<T>,
        into: usize,
    },
    Map {
        op: Elementwise<T>,
        args: SmallVec<[Arg<T>; 3]>,
        full: bool,
        into: usize,
    },
    /// Two operations on the same elements.
    MapPair {
        op: Pair,
        arg: Arg<T>,
        into: [usize; 2],
    },
    FoldRow {
        op: Reduction,
        arg: Arg<T>,
        into: usize,
    },
    /// Adds rows, or the numbers of rows, to an accumulator.
    Accumulate {
        accumulator: usize,
        arg: Arg<T>,
    },
}

/// How long an instruction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Next to no time: it goes over the rows of a block, not its elements.
    Light,
    /// As long as arithmetic on all elements.
    Plain,
    /// Several times as long.
    Heavy,
}

impl<T: Scalar> Instruction<T> {
    fn weight(&self) -> Weight {
        match self {
            Instruction::Map { full: false, .. }
            | Instruction::GatherRow { .. }
            | Instruction::Accumulate { arg: Arg::Rows(_), .. } => Weight::Light,
            Instruction::Map { op, .. } if op.is_function() => Weight::Heavy,
            Instruction::MapPair { .. } => Weight::Heavy,
            _ => Weight::Plain,
        }
    }
}

/// What adds up over rows.
#[derive(Debug)]
pub(super) struct Accumulator {
    op: Reduction,
    axes: AxisSet,
    /// The operation that adds, and the reduction that gives what a row adds.
    pub combine: Binary,
    pub of_row: Reduction,
    /// Whether a row is added element by element, rather than reduced to a number first.
    pub by_element: bool,
    /// For each outer axis, how many results apart its neighbours are added to; 0 where it is reduced.
    pub strides: SmallVec<[usize; 4]>,
    /// The results.
    pub count: usize,
}

/// Where an output comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sink {
    /// The array of this number, which holds all elements.
    Full(usize),
    /// The array of this number, which holds a number for each row.
    Row(usize),
    Accumulator(usize),
}

#[derive(Debug)]
pub(super) struct Code<T> {
    /// With their weights, which else would be found for each block anew.
    pub instructions: Vec<(Instruction<T>, Weight)>,
    pub slots: Vec<Slot>,
    /// Operands whose blocks are all the same, and the registers that hold them from the start.
    pub repeated: Vec<(usize, usize)>,
    pub accumulators: Vec<Accumulator>,
    pub sinks: Vec<Sink>,
}

struct Compiler<'a, 'x, T> {
    space: &'a Space<'x, T>,
    code: Code<T>,
    /// Registers that hold what no instruction to come reads, by whether they are full.
    free: [Vec<usize>; 2],
    /// Where the value of each step is; `None` for those to come, and for those without instructions.
    places: Vec<Option<Arg<T>>>,
    /// The last step that reads each.
    last_use: Vec<usize>,
}

impl<T: Scalar> Code<T> {
    /// The slots that are outputs, in the order of their arrays.
    pub fn outputs(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.is_output)
    }

    pub fn new(program: &Program<T>, space: &Space<'_, T>) -> Self {
        let steps = program.steps();
        let mut last_use = vec![0; steps.len()];
        for (at, step) in steps.iter().enumerate() {
            step.args().iter().for_each(|&arg| last_use[arg] = at);
        }
        let mut compiler = Compiler {
            space,
            code: Code {
                instructions: Vec::with_capacity(steps.len()),
                slots: Vec::new(),
                repeated: Vec::new(),
                accumulators: Vec::new(),
                sinks: vec![Sink::Full(usize::MAX); program.outputs().len()],
            },
            free: [Vec::new(), Vec::new()],
            places: vec![None; steps.len()],
            last_use,
        };
        let varies = program.varies();
        for at in 0..steps.len() {
            if compiler.places[at].is_none() {
                compiler.step(program, &varies, at);
            }
            compiler.release_args(program, at);
        }
        compiler.code
    }
}

impl<T: Scalar> Compiler<'_, '_, T> {
    fn step(&mut self, program: &Program<T>, varies: &[AxisSet], at: usize) {
        let full = varies[at] & self.space.inner_set != 0;
        let output = output_of(program, at);
        let place = match &program.steps()[at] {
            Step::Number(x) => Some(Arg::Number(*x)),
            Step::Operand { operand, .. } => Some(self.operand(*operand, full)),
            Step::Map { op, args } => Some(self.map(program, at, *op, args, full)),
            Step::Fold { op, arg, axes } => self.fold(*op, *arg, *axes, varies, output),
        };
        self.places[at] = place;
    }

    fn map(
        &mut self,
        program: &Program<T>,
        at: usize,
        op: Elementwise<T>,
        args: &[usize],
        full: bool,
    ) -> Arg<T> {
        if full
            && let Elementwise::Unary(op) = op
            && let Some(place) = self.pair(program, at, op, args[0])
        {
            return place;
        }
        let (args, temporary) = self.args(args, full);
        let into = self.result(full, output_of(program, at));
        self.push(Instruction::Map { op, args, full, into });
        self.free[usize::from(true)].extend(temporary);
        self.at(into)
    }

    /// Computes an operation with a later one that shares its work, if there is one.
    fn pair(&mut self, program: &Program<T>, at: usize, op: Unary<T>, arg: usize) -> Option<Arg<T>> {
        let (pair, later, other_first) = Pair::of(op).find_map(|(pair, other, other_first)| {
            let is_other = |step: &Step<T>| matches!(step, Step::Map { op, args } if *op == Elementwise::Unary(other) && args[0] == arg);
            let later = at + 1 + program.steps()[at + 1..].iter().position(is_other)?;
            self.places[later].is_none().then_some((pair, later, other_first))
        })?;
        let [own, others] = [at, later].map(|step| self.result(true, output_of(program, step)));
        let into = if other_first { [others, own] } else { [own, others] };
        let arg = self.places[arg].expect("what is read has a place");
        self.push(Instruction::MapPair { op: pair, arg, into });
        self.places[later] = Some(self.at(others));
        Some(self.at(own))
    }

    /// Frees what no later step reads.
    fn release_args(&mut self, program: &Program<T>, at: usize) {
        let args = program.steps()[at].args();
        for (i, &arg) in args.iter().enumerate() {
            if self.last_use[arg] == at && !args[..i].contains(&arg) {
                self.release(arg);
            }
        }
    }

    fn operand(&mut self, operand: usize, full: bool) -> Arg<T> {
        let x = &self.space.operands[operand];
        if !full {
            let into = self.register(false);
            self.push(Instruction::GatherRow { operand, into });
            return Arg::Rows(into);
        }
        if x.dense.is_some() || (self.space.rows_per_block == 1 && x.has_packed_rows()) {
            return Arg::Direct(operand);
        }
        if x.is_same_for_all_rows() && self.space.segments == 1 {
            let into = self.slot(true, false);
            self.code.repeated.push((operand, into));
            return Arg::Block(into);
        }
        let into = self.register(true);
        self.push(Instruction::Gather { operand, into });
        Arg::Block(into)
    }

    /// What an operation reads, and the registers it needs for that time only.
    fn args(&mut self, args: &[usize], full: bool) -> (SmallVec<[Arg<T>; 3]>, SmallVec<[usize; 3]>) {
        let mut temporary = SmallVec::new();
        let places = args
            .iter()
            .map(|&arg| match self.places[arg].expect("what is read has a place") {
                arg @ Arg::Rows(_) if full && self.space.rows_per_block > 1 => {
                    let into = self.register(true);
                    temporary.push(into);
                    self.push(Instruction::Expand { arg, into });
                    Arg::Block(into)
                }
                place => place,
            })
            .collect();
        (places, temporary)
    }

    fn push(&mut self, instruction: Instruction<T>) {
        let weight = instruction.weight();
        self.code.instructions.push((instruction, weight));
    }

    fn slot(&mut self, full: bool, is_output: bool) -> usize {
        self.code.slots.push(Slot { full, is_output });
        self.code.slots.len() - 1
    }

    fn register(&mut self, full: bool) -> usize {
        self.free[usize::from(full)].pop().unwrap_or_else(|| self.slot(full, false))
    }

    fn at(&self, slot: usize) -> Arg<T> {
        if self.code.slots[slot].full { Arg::Block(slot) } else { Arg::Rows(slot) }
    }

    /// The slot for what an instruction computes.
    fn result(&mut self, full: bool, output: Option<usize>) -> usize {
        let Some(output) = output else { return self.register(full) };
        let array = self.code.outputs().count();
        self.code.sinks[output] = if full { Sink::Full(array) } else { Sink::Row(array) };
        self.slot(full, true)
    }

    fn fold(
        &mut self,
        op: Reduction,
        arg: usize,
        axes: AxisSet,
        varies: &[AxisSet],
        output: Option<usize>,
    ) -> Option<Arg<T>> {
        let place = self.places[arg].expect("what is read has a place");
        let from_block = varies[arg] & self.space.inner_set != 0;
        if from_block && axes == self.space.inner_set && self.space.segments == 1 {
            let into = self.result(false, output);
            self.push(Instruction::FoldRow { op, arg: place, into });
            return Some(self.at(into));
        }
        let mut strides: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.space.outer.len());
        let mut count = 1;
        for (i, &set) in self.space.outer_sets.iter().enumerate().rev() {
            if varies[arg] & !axes & set != 0 {
                strides[i] = count;
                count *= self.space.outer[i];
            }
        }
        let accumulator = self.code.accumulators.len();
        self.code.accumulators.push(Accumulator {
            op,
            axes,
            combine: match op {
                Reduction::Max => Binary::maximum,
                Reduction::Min => Binary::minimum,
                Reduction::Sum | Reduction::Mean => Binary::add,
                Reduction::LogSumExp | Reduction::SumBesideOne => unreachable!("along rows only"),
            },
            of_row: if op == Reduction::Mean { Reduction::Sum } else { op },
            by_element: from_block && axes & self.space.inner_set == 0,
            strides,
            count,
        });
        self.code.sinks[output.expect("what adds up over rows is an output")] =
            Sink::Accumulator(accumulator);
        self.push(Instruction::Accumulate { accumulator, arg: place });
        None
    }

    fn release(&mut self, step: usize) {
        if let Some(Arg::Block(slot) | Arg::Rows(slot)) = self.places[step]
            && let Slot { full, is_output: false } = self.code.slots[slot]
            && !self.is_kept(slot)
        {
            self.free[usize::from(full)].push(slot);
        }
    }

    fn is_kept(&self, slot: usize) -> bool {
        self.code.repeated.iter().any(|&(_, register)| register == slot)
    }
}

/// Which output a step is.
fn output_of<T: Scalar>(program: &Program<T>, step: usize) -> Option<usize> {
    program.outputs().iter().position(|&output| output == step)
}

impl Accumulator {
    /// What is left to do when all has been added.
    pub fn finish<T: Scalar>(
        &self,
        program: &Program<T>,
        operands: &[ArrayViewD<'_, T>],
        output: usize,
        mut total: ArrayD<T>,
    ) -> ArrayD<T> {
        if self.op != Reduction::Mean {
            return total;
        }
        let lengths = program.shape().iter().enumerate().filter(|(axis, _)| (self.axes >> axis) & 1 == 1);
        let count: usize = lengths.map(|(_, &n)| n).product();
        total.mapv_inplace(|sum| sum / T::of(count as f64));
        if total.iter().all(|mean| mean.is_finite()) {
            return total;
        }
        // The sum may have overflowed although the mean does not.
        let axes: Vec<usize> =
            (0..program.shape().len()).filter(|axis| (self.axes >> axis) & 1 == 1).collect();
        let arg = program.steps()[output].args()[0];
        if let Step::Operand { operand, .. } = program.steps()[arg] {
            return reduce::reduce(Reduction::Mean, operands[operand].view(), &axes);
        }
        let mut inside = Program { outputs: vec![arg], ..program.clone() };
        inside.prune();
        let terms = super::evaluate(&inside, operands).pop().expect("one output");
        reduce::reduce(Reduction::Mean, terms.view(), &axes)
    }
}
