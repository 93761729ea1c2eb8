//! Every workload, in groups by family, with element types and backends as parameters of one group.
#![allow(missing_docs)]

use autodiff_bench::workloads::workloads;
use autodiff_core::{Backend, Native, Scalar};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use std::time::Duration;

fn measure<T: Scalar, B: Backend<T>>(criterion: &mut Criterion) {
    // Those that scale one of the others are for the comparison, which runs longer.
    let scaling = ["W12", "W13", "W14", "W15"];
    for workload in workloads::<T, B>().iter().filter(|w| !scaling.iter().any(|s| w.name.starts_with(s))) {
        let mut group = criterion.benchmark_group(workload.family());
        group.sampling_mode(SamplingMode::Flat);
        let id = BenchmarkId::new(format!("{}/{}", workload.name, T::NAME), B::NAME);
        group.bench_function(id, |bencher| {
            let mut cell = workload.build();
            bencher.iter(|| cell.call());
        });
        group.finish();
    }
}

fn all(criterion: &mut Criterion) {
    measure::<f64, Native>(criterion);
    measure::<f32, Native>(criterion);
    #[cfg(feature = "blas")]
    {
        measure::<f64, autodiff_blas::Blas>(criterion);
        measure::<f32, autodiff_blas::Blas>(criterion);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        // Enough for its intervals; the default takes longer than the measurement.
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = all
}
criterion_main!(benches);
