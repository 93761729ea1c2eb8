//! Operations that share most of their work, as a function does with its derivative: in one loop, they cost little more than one.

use super::{Number, Unary};
use crate::native::math::{self, MulAdd};
use crate::native::simd::{self, Kernel};
use crate::scalar::Scalar;

macro_rules! pairs {
    ($($first:ident and $second:ident = $f:ident $(, near $near:expr)? $(, unless $rare:ident)?;)*) => {
        /// Two operations on the same elements, by the name of the first.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Pair { $($first),* }

        impl Pair {
            /// The pairs that an operation is of, the other operation, and whether that is the first.
            pub(crate) fn of<T: Scalar>(op: Unary<T>) -> impl Iterator<Item = (Pair, Unary<T>, bool)> {
                let pairs = [$(
                    match op {
                        Unary::$first => Some((Pair::$first, Unary::$second, false)),
                        Unary::$second => Some((Pair::$first, Unary::$first, true)),
                        _ => None,
                    }
                ),*];
                pairs.into_iter().flatten()
            }
        }

        impl<T: Scalar> Kernel for Block<'_, T> {
            type Output = ();

            #[inline(always)]
            #[allow(unused_mut, unused_variables)] // not every pair has rare elements
            fn run<F: MulAdd>(self) {
                let Block { op, x, y: [first, second] } = self;
                match op { $(
                    Pair::$first => {
                        $(
                            /// Whether all elements are near: else some results are wrong.
                            #[inline(always)]
                            fn near<F: MulAdd, T: Scalar>(x: &[T], first: &mut [T], second: &mut [T]) -> bool {
                                let mut beyond = T::Bits::default();
                                for ((first, second), &x) in first.iter_mut().zip(second).zip(x) {
                                    (*first, *second) = math::$f::<F, T>(x);
                                    beyond |= x.beyond($near);
                                }
                                !T::is_marked(beyond)
                            }
                            if math::may_be_near(x, $near) && near::<math::Near<F>, T>(x, first, second) {
                                return;
                            }
                        )?
                        let mut found = false;
                        for ((first, second), &x) in first.iter_mut().zip(&mut *second).zip(x) {
                            (*first, *second) = math::$f::<F, T>(x);
                            $(found |= math::$rare(x);)?
                        }
                        $(if found {
                            for ((first, second), &x) in first.iter_mut().zip(second).zip(x) {
                                if math::$rare(x) {
                                    (*first, *second) = (Number(x).$first().0, Number(x).$second().0);
                                }
                            }
                        })?
                    }
                )* }
            }
        }

        #[cfg(test)]
        fn all<T: Scalar>() -> Vec<(Pair, [Unary<T>; 2])> {
            vec![$((Pair::$first, [Unary::$first, Unary::$second])),*]
        }
    };
}

struct Block<'a, T> {
    op: Pair,
    x: &'a [T],
    y: [&'a mut [T]; 2],
}

impl Pair {
    /// Writes the results of both operations on the elements of `x`, with the bits that each gives alone.
    pub(crate) fn apply<T: Scalar>(self, x: &[T], y: [&mut [T]; 2]) {
        debug_assert!(y.iter().all(|y| y.len() == x.len()));
        simd::widest(Block { op: self, x, y });
    }
}

pairs! {
    tanh and sech2 = tanh_and_sech2, near T::of(0.5) * T::EXP_NEAR;
    sigmoid and sigmoid_slope = sigmoid_and_slope, near T::EXP_NEAR;
    softplus and sigmoid = softplus_and_sigmoid, near T::EXP_NEAR;
    sin and cos = sine_and_cosine, unless far;
}

#[cfg(test)]
mod tests {
    use super::{Pair, all};
    use crate::scalar::Scalar;

    fn each_gives_the_bits_it_has_alone<T: Scalar>() {
        let ends = [0.0, -0.0, 1e-310, 1e300, 1e6, -3e5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let x: Vec<T> = (-2000..2000).map(|i| f64::from(i) * 0.19).chain(ends).map(T::of).collect();
        for (pair, ops) in all::<T>() {
            let known = |op| Pair::of(op).map(|(_, other, first)| (other, first)).collect::<Vec<_>>();
            assert!(known(ops[0]).contains(&(ops[1], false)));
            assert!(known(ops[1]).contains(&(ops[0], true)));
            let (mut first, mut second) = (vec![T::zero(); x.len()], vec![T::zero(); x.len()]);
            // Of blocks in which all elements are near, and of others.
            let y = first.chunks_mut(50).zip(second.chunks_mut(50));
            x.chunks(50).zip(y).for_each(|(x, (first, second))| pair.apply(x, [first, second]));
            for (i, &x) in x.iter().enumerate() {
                let bits = |y: T| if y.is_nan() { u64::MAX } else { y.as_f64().to_bits() };
                let alone = ops.map(|op| bits(op.call(x)));
                assert_eq!([bits(first[i]), bits(second[i])], alone, "{pair:?} of {x}");
            }
        }
    }

    #[test]
    fn each_gives_the_bits_it_has_alone_in_both_types() {
        each_gives_the_bits_it_has_alone::<f64>();
        each_gives_the_bits_it_has_alone::<f32>();
    }
}
