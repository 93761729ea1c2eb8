//! What the backend and the engine add to, or save of, plain calls of `cblas_dgemm`.
//!
//! ```text
//! OPENBLAS_NUM_THREADS=1 cargo bench -p autodiff-blas
//! ```
//!
//! Criterion measures one after the other; first both are called in turn and their fastest times compared, which a
//! machine that others use disturbs less.
#![allow(missing_docs)]

use autodiff_blas::Blas;
use autodiff_core::Value;
use autodiff_core::ndarray::{Array3, ArrayView2, ArrayViewMut2, Axis};
use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE, cblas_dgemm};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// `c = a b` for square row-major matrices, either operand transposed.
fn bare(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, c: &mut ArrayViewMut2<'_, f64>, flags: [bool; 2]) {
    let n = a.nrows();
    assert!([a.dim(), b.dim(), c.dim()] == [(n, n); 3]);
    assert!(a.is_standard_layout() && b.is_standard_layout() && c.is_standard_layout());
    let [ta, tb] = flags.map(|t| if t { CBLAS_TRANSPOSE::CblasTrans } else { CBLAS_TRANSPOSE::CblasNoTrans });
    let n = i32::try_from(n).expect("a small matrix");
    let order = CBLAS_LAYOUT::CblasRowMajor;
    // SAFETY: three row-major matrices (n, n) in memory that is initialised (asserted); `c` is borrowed mutably.
    unsafe {
        cblas_dgemm(order, ta, tb, n, n, n, 1.0, a.as_ptr(), n, b.as_ptr(), n, 0.0, c.as_mut_ptr(), n);
    }
}

fn batch(count: usize, n: usize, salt: usize) -> Array3<f64> {
    Array3::from_shape_fn((count, n, n), |(i, j, k)| ((7 * i + 3 * j + 5 * k + salt) % 11) as f64 / 11.0)
}

/// The ratio of the fastest of many times of calls in turn, then each with criterion.
fn compare(criterion: &mut Criterion, name: &str, mut ours: impl FnMut(), mut calls: impl FnMut()) {
    let mut fastest = [f64::INFINITY; 2];
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        for (f, fastest) in [&mut ours as &mut dyn FnMut(), &mut calls].into_iter().zip(&mut fastest) {
            let start = Instant::now();
            f();
            let time = start.elapsed().as_secs_f64();
            if time < *fastest {
                *fastest = time;
            }
        }
    }
    let [ours_ms, calls_ms] = fastest.map(|t| 1e3 * t);
    println!(
        "{name}: {ours_ms:.3} ms, plain calls {calls_ms:.3} ms: {:.2} times as fast",
        calls_ms / ours_ms
    );
    let mut group = criterion.benchmark_group(name);
    group.bench_function("ours", |bencher| bencher.iter(&mut ours));
    group.bench_function("calls", |bencher| bencher.iter(&mut calls));
    group.finish();
}

/// Forward and backward, where the result has weights, so that there are three products to compute.
fn engine(criterion: &mut Criterion) {
    let n = 1024;
    let [x, y, w] = [0, 1, 2].map(|salt| batch(1, n, salt).index_axis_move(Axis(0), 0));
    let (a, b) = (Value::<f64, Blas>::new(x.clone()), Value::new(y.clone()));
    let weights = Value::constant(w.clone());
    let [mut c, mut da, mut db] = [(); 3].map(|()| x.clone());
    compare(
        criterion,
        "forward and backward 1024",
        || {
            a.zero_grad();
            b.zero_grad();
            (a.matmul(&b) * &weights).sum().backward();
        },
        || {
            bare(x.view(), y.view(), &mut c.view_mut(), [false, false]);
            bare(w.view(), y.view(), &mut da.view_mut(), [false, true]);
            bare(x.view(), w.view(), &mut db.view_mut(), [true, false]);
        },
    );
}

fn batches(criterion: &mut Criterion) {
    for (count, n) in [(4096, 8), (1024, 32), (64, 128)] {
        let (a, b) = (batch(count, n, 0), batch(count, n, 1));
        let [va, vb] = [&a, &b].map(|x| Value::<f64, Blas>::constant(x.clone()));
        let mut c = Array3::zeros(a.dim());
        compare(
            criterion,
            &format!("batch {count}x{n}"),
            || {
                black_box(va.matmul(&vb));
            },
            || {
                for ((a, b), mut c) in a.outer_iter().zip(b.outer_iter()).zip(c.outer_iter_mut()) {
                    bare(a, b, &mut c, [false, false]);
                }
            },
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2));
    targets = engine, batches
}
criterion_main!(benches);
