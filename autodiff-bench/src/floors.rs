//! What the machine can do: the rates that bound every engine, measured where the comparison runs.

use crate::inputs::array;
use crate::measure::repeat;
use autodiff_core::{Backend, Scalar};
use ndarray::{Array2, Ix2};
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// The least that a workload must do, whatever the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Multiplications and additions in matrix products.
    pub product_flops: f64,
    /// Elements read from and written to memory, where inputs and results do not fit a cache.
    pub elements_moved: f64,
    /// Exponentials, or functions that need one.
    pub exponentials: f64,
    /// Elements of the elementwise workloads, with their gradients.
    pub elements: f64,
}

/// Rates of one core, or of several, for one element type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Floors {
    /// The best matrix product of the backends, in GFLOP/s.
    pub product_gflops: f64,
    /// Copying a large array into memory that has been used before, in GB/s read and written.
    pub copy_gbs: f64,
    /// Copying it into memory that the system hands out for it, in GB/s read and written.
    pub fresh_copy_gbs: f64,
    /// Time of an exponential among many, in nanoseconds.
    pub exp_ns: f64,
    /// Time of an element of the elementwise workloads, with its gradients, in one loop by hand over what a cache holds, in
    /// nanoseconds.
    pub element_ns: f64,
    /// The size of an element in bytes.
    pub element_bytes: f64,
}

impl Floors {
    /// The better of both in each rate: what the machine could do in either measurement.
    pub fn best(self, other: Self) -> Self {
        let most = |a: f64, b: f64| if a > b { a } else { b };
        let least = |a: f64, b: f64| if a < b { a } else { b };
        Floors {
            product_gflops: most(self.product_gflops, other.product_gflops),
            copy_gbs: most(self.copy_gbs, other.copy_gbs),
            fresh_copy_gbs: most(self.fresh_copy_gbs, other.fresh_copy_gbs),
            exp_ns: least(self.exp_ns, other.exp_ns),
            element_ns: least(self.element_ns, other.element_ns),
            element_bytes: self.element_bytes,
        }
    }

    /// The least time for `work` in milliseconds: that of the slowest of its parts, as if they overlapped.
    pub fn time_ms(&self, work: &Work) -> f64 {
        let parts = [
            work.product_flops / (self.product_gflops * 1e6),
            work.elements_moved * self.element_bytes / (self.copy_gbs * 1e6),
            work.exponentials * self.exp_ns / 1e6,
            work.elements * self.element_ns / 1e6,
        ];
        parts.into_iter().fold(0.0, |most, part| if part > most { part } else { most })
    }

    /// Measures the rates on as many threads as are given; products are those of `gemm`.
    pub fn measure<T: Float>(threads: usize, gemm: &[fn(&Array2<T>, &Array2<T>, &mut Array2<T>)]) -> Self {
        const LARGE: usize = 1 << 24;
        const BLOCK: usize = 1 << 12;
        let bytes = (2 * LARGE * size_of::<T>() * threads) as f64;
        let sources: Vec<Vec<T>> = (0..threads).map(|_| vec![T::of(1.0); LARGE]).collect();
        let mut targets = sources.clone();
        let seconds = 0.25;
        let copy = repeat(seconds, 1, || {
            on_threads(sources.iter().zip(&mut targets), |(s, t)| t.copy_from_slice(s))
        })
        .0;
        let fresh = repeat(seconds, 1, || {
            on_threads(sources.iter(), |s| {
                black_box(s.clone());
            });
        })
        .0;

        let blocks: Vec<Vec<T>> =
            (0..threads as u64).map(|k| array::<T>(&[BLOCK], k).into_raw_vec_and_offset().0).collect();
        let mut results = blocks.clone();
        let mut per_element = |f: fn(&[T], &mut [T]), elements: usize| {
            let rounds = 1000;
            let (ms, ..) = repeat(seconds, 1, || {
                on_threads(blocks.iter().zip(&mut results), |(x, y)| {
                    (0..rounds).for_each(|_| f(black_box(x), black_box(y)));
                });
            });
            ms * 1e6 / (rounds * threads * elements) as f64
        };
        let exp_ns = per_element(T::exp_all, BLOCK);
        let element_ns = per_element(T::gradients, BLOCK / 4);

        let n = 1024;
        let matrix = |k| array::<T>(&[n, n], k).into_dimensionality::<Ix2>().expect("two axes");
        let (a, b, mut c) = (matrix(0), matrix(1), matrix(2));
        let product_gflops = gemm
            .iter()
            .map(|gemm| {
                2.0 * (n as f64).powi(3) / (repeat(2.0 * seconds, 1, || gemm(&a, &b, &mut c)).0 * 1e6)
            })
            .fold(0.0, |most, rate| if rate > most { rate } else { most });
        Floors {
            product_gflops,
            copy_gbs: bytes / (copy * 1e6),
            fresh_copy_gbs: bytes / (fresh * 1e6),
            exp_ns,
            element_ns,
            element_bytes: size_of::<T>() as f64,
        }
    }
}

/// A backend's product of two matrices.
pub fn gemm_of<T: Scalar, B: Backend<T>>(a: &Array2<T>, b: &Array2<T>, c: &mut Array2<T>) {
    B::gemm(T::one(), a.view(), b.view(), T::zero(), &mut c.view_mut());
}

fn on_threads<I: Iterator<Item: Send>>(parts: I, f: impl Fn(I::Item) + Sync) {
    std::thread::scope(|scope| {
        parts.for_each(|part| {
            scope.spawn(|| f(part));
        });
    });
}

/// Functions over slices as fast as plain loops go, for the floors; not exact at the ends of the range.
pub trait Float: Scalar {
    /// `e^x` of every element.
    fn exp_all(x: &[Self], y: &mut [Self]);
    /// For `a` and `b`, the first two quarters of `x`, the terms of `sum(tanh(a + b) (a + 2))`, and their derivatives with respect
    /// to `a` and to `b`: the first three quarters of `y`, of which the first and the last add up, as sums over rows do.
    fn gradients(x: &[Self], y: &mut [Self]);
}

/// Cody and Waite's reduction and a Taylor polynomial in fused multiply-adds, in loops that vectorise.
macro_rules! float {
    ($t:ident, $mantissa:literal, $shift:literal, $hi:literal, $lo:literal, [$($c:literal),*]) => {
        const _: () = {
            #[inline(always)]
            fn exp(x: $t) -> $t {
                let shifted = x.mul_add(std::$t::consts::LOG2_E, $shift);
                let k = shifted - $shift;
                let r = k.mul_add(-$lo, k.mul_add(-$hi, x));
                let mut p: $t = 0.0;
                for c in [$($c),*] {
                    p = p.mul_add(r, c);
                }
                $t::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << $mantissa))
            }

            impl Float for $t {
                fn exp_all(x: &[$t], y: &mut [$t]) {
                    widest(
                        #[inline(always)]
                        || {
                            for (&x, y) in x.iter().zip(y) {
                                *y = exp(x);
                            }
                        },
                    );
                }
                fn gradients(x: &[$t], y: &mut [$t]) {
                    let quarter = x.len() / 4;
                    let (a, b) = x.split_at(quarter);
                    let (terms, y) = y.split_at_mut(quarter);
                    let (by_a, by_b) = y.split_at_mut(quarter);
                    widest(
                        #[inline(always)]
                        || {
                            let of = a.iter().zip(b);
                            for (((&a, &b), term), (by_a, by_b)) in of.zip(terms).zip(by_a.iter_mut().zip(by_b)) {
                                // tanh(x) = 1 - 2 / (e^2x + 1)
                                let x = a + b;
                                let tanh = 1.0 - 2.0 / (exp(x + x) + 1.0);
                                let slope = (1.0 - tanh * tanh) * (a + 2.0);
                                *term += tanh * (a + 2.0);
                                *by_a = tanh + slope;
                                *by_b += slope;
                            }
                        },
                    );
                }
            }
        };
    };
}

/// Runs a loop on the widest vectors of the machine. All of it is in one function, or the wider instructions do not reach it.
fn widest(f: impl FnOnce()) {
    pulp::Arch::new().dispatch(f);
}

float!(
    f64,
    52,
    6755399441055744.0,
    6.931_471_803_691_238e-1,
    1.908_214_929_270_587_7e-10,
    [
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589e-7,
        2.755_731_922_398_589e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
        1.0
    ]
);
float!(
    f32,
    23,
    12582912.0,
    0.693_359_4,
    -2.121_944_4e-4,
    [1.388_888_9e-3, 8.333_334e-3, 4.166_666_8e-2, 1.666_666_7e-1, 0.5, 1.0, 1.0]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_of_two_floors_is_so_in_each_rate() {
        let floors = |rates: f64, times: f64| Floors {
            product_gflops: rates,
            copy_gbs: 3.0 - rates,
            fresh_copy_gbs: rates,
            exp_ns: times,
            element_ns: 3.0 - times,
            element_bytes: 8.0,
        };
        let best = floors(1.0, 1.0).best(floors(2.0, 2.0));
        let work = Work { product_flops: 4e6, ..Work::default() };
        assert_eq!((best.copy_gbs, best.fresh_copy_gbs, best.exp_ns, best.element_ns), (2.0, 2.0, 1.0, 1.0));
        assert_eq!(best.time_ms(&work), 2.0);
    }

    #[test]
    fn the_loops_compute_what_they_time() {
        let x: Vec<f64> = array::<f64>(&[1000], 0).into_iter().collect();
        let mut y = vec![0.0; 1000];
        f64::exp_all(&x, &mut y);
        assert!(x.iter().zip(&y).all(|(x, y)| (x.exp() - y).abs() < 1e-14 * x.exp()));
        y.fill(1.0);
        f64::gradients(&x, &mut y);
        for (i, (a, b)) in x[..250].iter().zip(&x[250..500]).enumerate() {
            let (tanh, cosh) = ((a + b).tanh(), (a + b).cosh());
            let slope = (a + 2.0) / (cosh * cosh);
            for (got, expected) in
                [(i, 1.0 + tanh * (a + 2.0)), (250 + i, tanh + slope), (500 + i, 1.0 + slope)]
            {
                assert!((y[got] - expected).abs() < 1e-13, "{got}: {} and {expected}", y[got]);
            }
        }
        let x: Vec<f32> = array::<f32>(&[1000], 0).into_iter().collect();
        let mut y = vec![0.0; 1000];
        f32::exp_all(&x, &mut y);
        assert!(x.iter().zip(&y).all(|(x, y)| (x.exp() - y).abs() < 1e-6 * x.exp()));
    }

    #[test]
    fn the_slowest_part_is_the_floor() {
        let floors = Floors {
            product_gflops: 10.0,
            copy_gbs: 8.0,
            fresh_copy_gbs: 4.0,
            exp_ns: 1.0,
            element_ns: 2.0,
            element_bytes: 8.0,
        };
        let work = Work { product_flops: 2e7, elements_moved: 1e6, exponentials: 5e5, elements: 5e5 };
        assert_eq!(floors.time_ms(&work), 2.0);
        assert_eq!(floors.time_ms(&Work { elements: 2e6, ..work }), 4.0);
    }
}
