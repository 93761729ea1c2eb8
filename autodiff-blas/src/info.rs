//! What library there is, and whether it does what the processor can.

use crate::gate;
use std::fmt;

/// The library behind [`Blas`](crate::Blas), as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its name, such as `"OpenBLAS"`.
    pub library: &'static str,
    /// Its version, such as `"0.3.21"`, where it tells.
    pub version: Option<String>,
    /// The processor its kernels were written for, such as `"Haswell"`, where it tells.
    pub kernel: Option<String>,
    /// How it was built, in its own words, where it tells.
    pub configuration: Option<String>,
    /// How many threads it uses for a large product.
    pub threads: usize,
    /// Whether there is a LAPACK, which computes `eigh` and `svd` of larger matrices; else it is the pure-Rust code.
    pub lapack: bool,
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.library)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(kernel) = &self.kernel {
            write!(f, ", {kernel} kernels")?;
        }
        write!(f, ", {} thread{}", self.threads, if self.threads == 1 { "" } else { "s" })?;
        f.write_str(if self.lapack { "" } else { ", no LAPACK" })
    }
}

/// The library behind [`Blas`](crate::Blas): its name, version, kernels and threads.
///
/// ```
/// println!("{}", autodiff_blas::info()); // OpenBLAS 0.3.21, SkylakeX kernels, 8 threads
/// ```
pub fn info() -> Info {
    gate::info()
}

/// The vector instructions of x86-64 processors that OpenBLAS has kernels for, in the order of their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cpu {
    /// SSE, or not an x86-64 processor: nothing to say.
    Other,
    Avx,
    Avx2,
    Avx512,
}

impl Cpu {
    /// What this processor has.
    pub(crate) fn detect() -> Cpu {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl") {
                return Cpu::Avx512;
            }
            if has!("avx2") && has!("fma") {
                return Cpu::Avx2;
            }
            if has!("avx") {
                return Cpu::Avx;
            }
        }
        Cpu::Other
    }

    /// What OpenBLAS's kernels of this name use; `None` for names not known here.
    fn of_kernel(name: &str) -> Option<Cpu> {
        Some(match name.to_ascii_lowercase().as_str() {
            "katmai" | "coppermine" | "northwood" | "prescott" | "banias" | "core2" | "penryn"
            | "dunnington" | "nehalem" | "atom" | "nano" | "athlon" | "opteron" | "opteron_sse3"
            | "barcelona" | "bobcat" => Cpu::Other,
            "sandybridge" | "bulldozer" | "piledriver" | "steamroller" => Cpu::Avx,
            "haswell" | "zen" | "excavator" => Cpu::Avx2,
            "skylakex" | "cooperlake" | "sapphirerapids" => Cpu::Avx512,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Cpu::Other => "SSE",
            Cpu::Avx => "AVX",
            Cpu::Avx2 => "AVX2",
            Cpu::Avx512 => "AVX-512",
        }
    }
}

/// What to say where OpenBLAS runs kernels below what the processor has; `forced` is `OPENBLAS_CORETYPE`.
pub(crate) fn lagging(info: &Info, cpu: Cpu, forced: Option<&str>) -> Option<String> {
    let kernel = info.kernel.as_deref()?;
    let uses = Cpu::of_kernel(kernel).filter(|&uses| uses < cpu)?;
    let remedy = match forced {
        Some(forced) => format!("OPENBLAS_CORETYPE={forced} is in the environment: unset it"),
        None => {
            "this OpenBLAS is too old for the processor, or built for another: install a newer one, with \
                 DYNAMIC_ARCH"
                .to_string()
        }
    };
    Some(format!(
        "{info}: these kernels use {}, the processor has {}, and products may take twice the time; {remedy}",
        uses.name(),
        cpu.name()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(kernel: &str) -> Info {
        Info {
            library: "OpenBLAS",
            version: Some("0.3.21".into()),
            kernel: Some(kernel.into()),
            configuration: None,
            threads: 2,
            lapack: true,
        }
    }

    #[test]
    fn kernels_below_the_processor_are_reported_with_the_remedy() {
        let message = lagging(&with("Haswell"), Cpu::Avx512, Some("Haswell")).expect("AVX2 is below AVX-512");
        assert!(message.starts_with("OpenBLAS 0.3.21, Haswell kernels, 2 threads: "), "{message}");
        assert!(message.contains("OPENBLAS_CORETYPE=Haswell is in the environment: unset it"), "{message}");
        let message = lagging(&with("Prescott"), Cpu::Avx2, None).expect("SSE is below AVX2");
        assert!(message.contains("install a newer one"), "{message}");
    }

    #[test]
    fn kernels_that_fit_or_are_unknown_are_not() {
        for (kernel, cpu) in [
            ("SkylakeX", Cpu::Avx512),
            ("SapphireRapids", Cpu::Avx512),
            ("Zen", Cpu::Avx2),
            ("Haswell", Cpu::Avx2),
            ("Sandybridge", Cpu::Avx),
            ("Nehalem", Cpu::Other),
            ("NEOVERSEN1", Cpu::Other),
            ("SomethingNew", Cpu::Avx512),
        ] {
            assert_eq!(lagging(&with(kernel), cpu, None), None, "{kernel}");
        }
    }

    #[test]
    fn a_lapack_that_is_missing_is_told() {
        let info = with("Zen");
        assert_eq!(info.to_string(), "OpenBLAS 0.3.21, Zen kernels, 2 threads");
        assert_eq!(
            Info { lapack: false, ..info }.to_string(),
            "OpenBLAS 0.3.21, Zen kernels, 2 threads, no LAPACK"
        );
    }

    #[test]
    fn the_library_tells() {
        let info = info();
        assert!(info.threads >= 1);
        if info.library == "OpenBLAS" {
            assert!(info.version.is_some() && info.kernel.is_some(), "{info:?}");
        }
    }
}
