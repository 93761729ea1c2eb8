//! Finds the library that a provider's feature asks for, and says what to install where it is missing.
//!
//! The system's libraries are linked from here, not through `blas-src`: a failure then is one sentence that names a
//! package instead of a page from the linker, and `openblas-src` with what it needs to download and build a library
//! (an HTTP client, TLS) is compiled for the one feature that uses it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a provider's library is sought, and how it is installed.
struct Provider {
    feature: &'static str,
    name: &'static str,
    /// Its names for pkg-config.
    packages: &'static [&'static str],
    /// The sets of libraries that may hold its CBLAS, likeliest first.
    libraries: &'static [&'static [&'static str]],
    /// Its Homebrew formula: Homebrew keeps these out of the linker's default path.
    formula: Option<&'static str>,
    /// Directories outside the linker's default path; `$NAME/` at the start stands for that variable.
    directories: &'static [&'static str],
    /// Symbols that tell it from other implementations of CBLAS.
    symbols: &'static [&'static str],
    install: &'static str,
}

const PROVIDERS: &[Provider] = &[
    Provider {
        feature: "OPENBLAS_SYSTEM",
        name: "OpenBLAS",
        packages: &["openblas"],
        libraries: &[&["openblas"]],
        formula: Some("openblas"),
        directories: &["/opt/local/lib"],
        symbols: &["openblas_get_config"],
        install: "Debian/Ubuntu: apt-get install libopenblas-dev; Fedora: dnf install openblas-devel; macOS: brew install openblas",
    },
    Provider {
        feature: "INTEL_MKL",
        name: "Intel MKL (mkl_rt)",
        packages: &["mkl-sdl"],
        libraries: &[&["mkl_rt"]],
        formula: None,
        directories: &[
            "$MKLROOT/lib",
            "$MKLROOT/lib/intel64",
            "/opt/intel/oneapi/mkl/latest/lib",
            "/opt/intel/mkl/lib/intel64",
            "/opt/intel/mkl/lib",
        ],
        symbols: &["MKL_Get_Max_Threads"],
        install: "Debian (non-free)/Ubuntu: apt-get install libmkl-dev; Fedora: dnf install intel-oneapi-mkl-devel, from Intel's repository; macOS: MKL has no current release, use the feature `accelerate`; or set MKLROOT",
    },
    Provider {
        feature: "BLIS",
        name: "BLIS",
        packages: &["blis"],
        libraries: &[&["blis"]],
        formula: Some("blis"),
        directories: &["/opt/local/lib"],
        symbols: &["bli_info_get_version_str"],
        install: "Debian/Ubuntu: apt-get install libblis-dev; Fedora: dnf install blis-devel; macOS: brew install blis",
    },
    Provider {
        feature: "NETLIB",
        name: "BLAS with its C interface (libblas)",
        packages: &["cblas", "blas"],
        // Debian puts the C interface into libblas; others keep it apart.
        libraries: &[&["blas"], &["cblas", "blas"], &["cblas"]],
        formula: Some("lapack"),
        directories: &["/opt/local/lib"],
        symbols: &[],
        install: "Debian/Ubuntu: apt-get install libblas-dev; Fedora: dnf install blas-devel; macOS: brew install lapack",
    },
];

const FEATURES: [(&str, &str); 6] = [
    ("OPENBLAS_SYSTEM", "openblas-system"),
    ("OPENBLAS_STATIC", "openblas-static"),
    ("INTEL_MKL", "intel-mkl"),
    ("ACCELERATE", "accelerate"),
    ("BLIS", "blis"),
    ("NETLIB", "netlib"),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(lapack)");
    for name in ["AUTODIFF_BLAS_LIB_DIR", "MKLROOT", "LIBRARY_PATH", "DOCS_RS"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let enabled = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let providers: Vec<&Provider> = PROVIDERS.iter().filter(|p| enabled(p.feature)).collect();
    let others = ["OPENBLAS_STATIC", "ACCELERATE"].into_iter().filter(|f| enabled(f)).count();
    // Documentation needs no library.
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    // The crate itself says so, too, but among what follows from it.
    if providers.len() + others != 1 {
        let names: Vec<&str> = FEATURES.iter().filter(|(f, _)| enabled(f)).map(|&(_, name)| name).collect();
        println!(
            "cargo::error=exactly one provider must be chosen, not {}; `default-features = false` drops openblas-system. \
             Providers: {}.",
            if names.is_empty() { "none".to_string() } else { names.join(" and ") },
            FEATURES.map(|(_, name)| name).join(", ")
        );
        return;
    }
    // Both hold a LAPACK.
    if others == 1 {
        println!("cargo:rustc-cfg=lapack");
    }
    if enabled("ACCELERATE") {
        println!("cargo:rustc-link-lib=framework=Accelerate");
    }
    let Some(provider) = providers.first() else { return };
    if !find(provider) {
        println!(
            "cargo::error={} was not found. Install it: {}. Where it is already, name its directory in \
             AUTODIFF_BLAS_LIB_DIR. Or choose another provider: `default-features = false` and one of the features {}.",
            provider.name,
            provider.install,
            FEATURES.map(|(_, name)| name).join(", ")
        );
    }
}

/// The routines of LAPACK that are called.
const LAPACK: [&str; 4] = ["ssyevd_", "dsyevd_", "sgesdd_", "dgesdd_"];

/// Tells cargo how to link the provider's library, and LAPACK if there is one; false where there is no library that links.
fn find(provider: &Provider) -> bool {
    let windows = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "windows");
    let mut places: Vec<(Vec<PathBuf>, Vec<String>)> = Vec::new();
    let named = |set: &[&str]| set.iter().map(|l| l.to_string()).collect::<Vec<_>>();
    let directory = env::var_os("AUTODIFF_BLAS_LIB_DIR").map(PathBuf::from);
    if let Some(directory) = &directory {
        places.extend(provider.libraries.iter().map(|set| (vec![directory.clone()], named(set))));
        if windows {
            // What vcpkg and the project's own archives call it.
            places.push((vec![directory.clone()], vec![format!("lib{}", provider.libraries[0][0])]));
        }
    } else {
        for package in provider.packages {
            if let Ok(library) = pkg_config::Config::new().cargo_metadata(false).probe(package) {
                places.push((library.link_paths, library.libs));
            }
        }
        let mut directories: Vec<Option<PathBuf>> = vec![None];
        directories.extend(provider.directories.iter().filter_map(|d| expand(d)).map(Some));
        if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos") {
            directories.extend(provider.formula.and_then(homebrew).map(Some));
        }
        for directory in directories {
            for set in provider.libraries {
                places.push((directory.iter().cloned().collect(), named(set)));
            }
        }
    }
    let cblas = [&["cblas_dgemm", "cblas_sgemm"], provider.symbols].concat();
    let found = places.into_iter().find(|(paths, libraries)| links(&cblas, paths, libraries));
    let Some((paths, mut libraries)) = found else { return false };
    // The library's own, as in OpenBLAS and MKL, or the system's, which computes its products through the library: its
    // symbols come first. Neither is a must.
    let mut with_system = libraries.clone();
    with_system.insert(0, "lapack".to_string());
    let lapack =
        [&libraries, &with_system].into_iter().find(|l| links(&[&cblas, &LAPACK[..]].concat(), &paths, l));
    if let Some(lapack) = lapack {
        println!("cargo:rustc-cfg=lapack");
        libraries = lapack.clone();
    }
    for path in paths {
        println!("cargo:rustc-link-search=native={}", path.display());
    }
    for library in libraries {
        println!("cargo:rustc-link-lib={library}");
    }
    true
}

/// The directory, its variable replaced; `None` where that is not set or the directory does not exist.
fn expand(directory: &str) -> Option<PathBuf> {
    let path = match directory.strip_prefix('$').and_then(|d| d.split_once('/')) {
        Some((name, rest)) => Path::new(&env::var_os(name)?).join(rest),
        None => directory.into(),
    };
    path.is_dir().then_some(path)
}

/// Where Homebrew installs a formula's libraries, if it has it.
fn homebrew(formula: &str) -> Option<PathBuf> {
    let output = Command::new("brew").args(["--prefix", formula]).output().ok()?;
    let path = Path::new(String::from_utf8(output.stdout).ok()?.trim()).join("lib");
    path.is_dir().then_some(path)
}

/// Whether a program that uses the libraries links: asked of the compiler and the linker that will be used.
fn links(symbols: &[&str], paths: &[PathBuf], libraries: &[String]) -> bool {
    let variable = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let declarations: String = symbols.iter().map(|s| format!("    fn {s}();\n")).collect();
    let calls: String = symbols.iter().map(|s| format!("        {s}();\n")).collect();
    let program =
        format!("unsafe extern \"C\" {{\n{declarations}}}\nfn main() {{\n    unsafe {{\n{calls}    }}\n}}\n");
    let source = out.join("links.rs");
    std::fs::write(&source, program).expect("the build directory is writable");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition", "2021", "--crate-type", "bin", "--target"]).arg(variable("TARGET"));
    rustc.arg("-o").arg(out.join("links")).arg(&source);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut argument = std::ffi::OsString::from("linker=");
        argument.push(linker);
        rustc.arg("-C").arg(argument);
    }
    if let Ok(flags) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    }
    for path in paths {
        rustc.arg("-L").arg(path);
    }
    for library in libraries {
        rustc.arg("-l").arg(library);
    }
    rustc.output().is_ok_and(|output| output.status.success())
}
