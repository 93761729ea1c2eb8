//! The one gate to the library: every call to C is made here, after its arguments are checked.
//!
//! CBLAS trusts its caller: it takes pointers without lengths, and answers a wrong dimension with a line on the
//! terminal and an untouched result. The functions here take views instead, so that what a pointer may reach is what
//! the view may reach; the output is borrowed mutably, so no input overlaps it; memory behind a view is initialised.

#[cfg(lapack)]
pub(crate) mod lapack;

use crate::info::{Cpu, Info, lagging};
use autodiff_core::Scalar;
use autodiff_core::ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};
use cblas_sys::{CBLAS_DIAG, CBLAS_LAYOUT, CBLAS_SIDE, CBLAS_TRANSPOSE, CBLAS_UPLO};
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How CBLAS, told that matrices are row-major, is to see one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    transposed: bool,
    ld: c_int,
}

impl Layout {
    /// The layout of a matrix of these dimensions and strides; `None` where CBLAS has no words for it.
    ///
    /// CBLAS asks for a leading dimension of at least the length of a row, even where there is one row and it means
    /// nothing: ndarray may have any stride there.
    pub(crate) fn of((rows, columns): (usize, usize), (down, right): (isize, isize)) -> Option<Layout> {
        let ld = |lines: usize, length: usize, along: isize, across: isize| {
            let length = c_int::try_from(length.max(1)).ok()?;
            c_int::try_from(lines).ok()?;
            let across = if lines <= 1 { length } else { c_int::try_from(across).ok()? };
            ((length == 1 || along == 1) && across >= length).then_some(across)
        };
        if let Some(ld) = ld(rows, columns, right, down) {
            return Some(Layout { transposed: false, ld });
        }
        ld(columns, rows, down, right).map(|ld| Layout { transposed: true, ld })
    }

    /// The layout of a view.
    pub(crate) fn of_view<T>(view: &ArrayView2<'_, T>) -> Option<Layout> {
        Layout::of(view.dim(), (view.strides()[0], view.strides()[1]))
    }

    /// Whether a result may have this layout: CBLAS writes rows.
    pub(crate) fn is_row_major(self) -> bool {
        !self.transposed
    }

    fn reversed(self) -> CBLAS_TRANSPOSE {
        Layout { transposed: !self.transposed, ..self }.flag()
    }

    fn flag(self) -> CBLAS_TRANSPOSE {
        if self.transposed { CBLAS_TRANSPOSE::CblasTrans } else { CBLAS_TRANSPOSE::CblasNoTrans }
    }
}

/// The element types of CBLAS, with its routines.
pub(crate) trait Element: Scalar {
    /// `c = alpha a b + beta c` for each of a batch of matrices; with `beta` 0, `c` is not read.
    ///
    /// `a` is (N, m, k) and `b` (N, k, n). `c` is (N, m, n), or (1, m, n): then the products are summed.
    ///
    /// # Panics
    /// Where shapes differ or the matrices have no [`Layout`], or those of `c` none that is row-major.
    fn products(
        alpha: Self,
        a: ArrayView3<'_, Self>,
        b: ArrayView3<'_, Self>,
        beta: Self,
        c: &mut ArrayViewMut3<'_, Self>,
    );

    /// Replaces `x` (n, r) by the solution of `A X = B` for what it held; `a` (n, n) is read as
    /// [`Backend::solve_triangular`](autodiff_core::Backend::solve_triangular) says.
    ///
    /// # Panics
    /// Where shapes differ, `a` has no [`Layout`] or `x` none that is row-major.
    fn solve_triangular_in_place(
        a: ArrayView2<'_, Self>,
        upper: bool,
        unit: bool,
        x: &mut ArrayViewMut2<'_, Self>,
    );
}

/// The layout of the matrices in a batch.
fn layout<T>(name: &str, batch: &ArrayView3<'_, T>) -> Layout {
    let ((_, rows, columns), strides) = (batch.dim(), batch.strides());
    Layout::of((rows, columns), (strides[1], strides[2]))
        .unwrap_or_else(|| panic!("{name}: no layout for ({rows}, {columns}), strides {strides:?}"))
}

/// A vector's increment; where it has one element CBLAS still refuses 0.
///
/// A matrix of one row or column with a [`Layout`] has one that is positive and fits.
fn increment(length: usize, stride: isize) -> c_int {
    if length <= 1 { 1 } else { stride as c_int }
}

/// The routine that is fastest for a shape.
///
/// One thread, f64, OpenBLAS 0.3.21: where both do, `gemv` took 0.2 to 0.6 of the time of `gemm`, `dot` 0.06 to 0.25
/// and `ger` 0.5 to 0.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routine {
    Gemm,
    /// The matrix `a` times the column `b`.
    GemvLeft,
    /// The row `a` times the matrix `b`.
    GemvRight,
    Dot,
    Ger,
}

impl Routine {
    fn of(m: usize, n: usize, k: usize) -> Routine {
        match (m, n, k) {
            (1, 1, _) => Routine::Dot,
            // BLIS's `gemv` and the reference's `ger` skip the zeros of a vector, and with them 0 times infinity. (BLIS
            // does so in `gemm` too where a matrix is a vector; what the others do is not known here.)
            _ if !OPENBLAS => Routine::Gemm,
            (_, 1, _) => Routine::GemvLeft,
            (1, _, _) => Routine::GemvRight,
            (_, _, 1) => Routine::Ger,
            _ => Routine::Gemm,
        }
    }
}

/// Whether the build has found a LAPACK.
const LAPACK: bool = cfg!(lapack);

const OPENBLAS: bool = cfg!(any(feature = "openblas-system", feature = "openblas-static"));

macro_rules! element {
    ($t:ty, $gemm:ident, $gemv:ident, $ger:ident, $dot:ident, $trsm:ident) => {
        impl Element for $t {
            fn products(
                alpha: $t,
                a: ArrayView3<'_, $t>,
                b: ArrayView3<'_, $t>,
                mut beta: $t,
                c: &mut ArrayViewMut3<'_, $t>,
            ) {
                const NAME: &str = stringify!($gemm);
                let ((count, m, k), (_, _, n)) = (a.dim(), b.dim());
                let results = c.dim().0;
                assert!(
                    b.dim() == (count, k, n)
                        && c.dim() == (results, m, n)
                        && (results == count || results == 1),
                    "{NAME}: {:?}, {:?} and {:?} do not go together",
                    a.dim(),
                    b.dim(),
                    c.dim()
                );
                if c.is_empty() {
                    return;
                }
                let routine = Routine::of(m, n, k);
                let empty = count == 0 || k == 0;
                if beta != 1.0 && (empty || routine != Routine::Gemm) {
                    // Not every library leaves a clean result behind for an empty sum; nor are they of one mind
                    // whether `gemv` with `beta` 0 reads the result.
                    if beta == 0.0 {
                        c.fill(0.0)
                    } else {
                        c.mapv_inplace(|x| beta * x)
                    }
                    beta = 1.0;
                }
                if empty {
                    return;
                }
                let (la, lb, lc) = (layout(NAME, &a), layout(NAME, &b), layout(NAME, &c.view()));
                assert!(lc.is_row_major(), "{NAME}: the result's strides are {:?}", c.strides());
                check_library();
                let _turn = turn();
                let (sa, sb, sc) = (a.strides(), b.strides(), c.strides());
                let steps = (sa[0], sb[0], if results == 1 { 0 } else { sc[0] });
                let column = (increment(k, sb[1]), increment(m, sc[1]));
                let row = (increment(k, sa[2]), increment(n, sc[2]));
                let outer = (increment(m, sa[1]), increment(n, sb[2]));
                let order = CBLAS_LAYOUT::CblasRowMajor;
                let (rows, columns, inner) = (m as c_int, n as c_int, k as c_int);
                let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                for i in 0..count {
                    let beta = if i > 0 && results == 1 { 1.0 } else { beta };
                    let i = i as isize;
                    #[cfg(test)]
                    calls::count(routine);
                    // SAFETY: `i` is an index into each of the batches, or the step of one is 0, so that the pointers
                    // are to first elements of matrices in them. Their shapes agree (asserted), are not empty
                    // (returned above) and, as do leading dimensions and increments, fit in an i32: `Layout::of`
                    // gives no other, and only those with which CBLAS reaches exactly the elements of the view. The
                    // views keep the memory alive and initialised; `c` is borrowed mutably, so it overlaps no
                    // operand.
                    unsafe {
                        let (a, b, c) = (a.offset(i * steps.0), b.offset(i * steps.1), c.offset(i * steps.2));
                        match routine {
                            Routine::Gemm => cblas_sys::$gemm(
                                order,
                                la.flag(),
                                lb.flag(),
                                rows,
                                columns,
                                inner,
                                alpha,
                                a,
                                la.ld,
                                b,
                                lb.ld,
                                beta,
                                c,
                                lc.ld,
                            ),
                            Routine::GemvLeft => {
                                // The dimensions are those of the matrix as it is stored.
                                let (r, l) = if la.transposed { (inner, rows) } else { (rows, inner) };
                                cblas_sys::$gemv(
                                    order,
                                    la.flag(),
                                    r,
                                    l,
                                    alpha,
                                    a,
                                    la.ld,
                                    b,
                                    column.0,
                                    beta,
                                    c,
                                    column.1,
                                );
                            }
                            Routine::GemvRight => {
                                let (r, l) = if lb.transposed { (columns, inner) } else { (inner, columns) };
                                cblas_sys::$gemv(
                                    order,
                                    lb.reversed(),
                                    r,
                                    l,
                                    alpha,
                                    b,
                                    lb.ld,
                                    a,
                                    row.0,
                                    beta,
                                    c,
                                    row.1,
                                );
                            }
                            Routine::Ger => {
                                cblas_sys::$ger(
                                    order, rows, columns, alpha, a, outer.0, b, outer.1, c, lc.ld,
                                );
                            }
                            Routine::Dot => *c += alpha * cblas_sys::$dot(inner, a, row.0, b, column.0),
                        }
                    }
                }
            }

            fn solve_triangular_in_place(
                a: ArrayView2<'_, $t>,
                upper: bool,
                unit: bool,
                x: &mut ArrayViewMut2<'_, $t>,
            ) {
                const NAME: &str = stringify!($trsm);
                let (n, r) = x.dim();
                assert_eq!(a.dim(), (n, n), "{NAME}: no matrix for {n} rows");
                if x.is_empty() {
                    return;
                }
                let layout = |view: &ArrayView2<'_, $t>| {
                    Layout::of_view(view)
                        .unwrap_or_else(|| panic!("{NAME}: no layout for strides {:?}", view.strides()))
                };
                let (la, lx) = (layout(&a), layout(&x.view()));
                assert!(lx.is_row_major(), "{NAME}: the result's strides are {:?}", x.strides());
                check_library();
                let _turn = turn();
                #[cfg(test)]
                calls::count_linalg("trsm");
                // SAFETY: the shapes agree (asserted), are not empty (returned above) and, as do the leading dimensions,
                // fit in an i32: `Layout::of` gives no other, and only those with which CBLAS reaches exactly the
                // elements of the view. Memory is initialised; `x` is borrowed mutably, so it does not overlap `a`.
                unsafe {
                    cblas_sys::$trsm(
                        CBLAS_LAYOUT::CblasRowMajor,
                        CBLAS_SIDE::CblasLeft,
                        // The triangle of the matrix as it is stored.
                        if upper != la.transposed { CBLAS_UPLO::CblasUpper } else { CBLAS_UPLO::CblasLower },
                        la.flag(),
                        if unit { CBLAS_DIAG::CblasUnit } else { CBLAS_DIAG::CblasNonUnit },
                        n as c_int,
                        r as c_int,
                        1.0,
                        a.as_ptr(),
                        la.ld,
                        x.as_mut_ptr(),
                        lx.ld,
                    );
                }
            }
        }
    };
}
element!(f32, cblas_sgemm, cblas_sgemv, cblas_sger, cblas_sdot, cblas_strsm);
element!(f64, cblas_dgemm, cblas_dgemv, cblas_dger, cblas_ddot, cblas_dtrsm);

/// Before a product: that the library counts in 32 bits; and, once, that it knows the processor.
fn check_library() {
    static SUITS: OnceLock<bool> = OnceLock::new();
    // Outside of the lock: loggers, too, may multiply.
    let mut warning = None;
    let suits = *SUITS.get_or_init(|| {
        let info = info();
        let forced = std::env::var("OPENBLAS_CORETYPE").ok();
        warning = lagging(&info, Cpu::detect(), forced.as_deref());
        !info.configuration.as_deref().is_some_and(|c| c.contains("USE64BITINT"))
    });
    if let Some(message) = warning {
        log::warn!("{message}");
    }
    assert!(
        suits,
        "autodiff-blas: this OpenBLAS takes 64-bit integers (ILP64); one with 32-bit integers (LP64) is needed"
    );
}

#[cfg(any(
    feature = "openblas-system",
    feature = "openblas-static",
    feature = "blis",
    feature = "intel-mkl"
))]
mod library {
    use std::ffi::c_int;
    #[cfg(not(feature = "intel-mkl"))]
    use std::ffi::{CStr, c_char};

    /// The text at a pointer that a library gave.
    ///
    /// # Safety
    /// It is null, or a C string that lives as long as the program.
    #[cfg(not(feature = "intel-mkl"))]
    pub(super) unsafe fn text(pointer: *const c_char) -> Option<String> {
        // SAFETY: not null, and what the caller promises.
        (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
    }

    #[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
    unsafe extern "C" {
        pub(super) fn openblas_get_config() -> *const c_char;
        pub(super) fn openblas_get_corename() -> *const c_char;
        pub(super) fn openblas_get_num_threads() -> c_int;
        pub(super) fn openblas_set_num_threads(threads: c_int);
        pub(super) fn openblas_get_parallel() -> c_int;
    }

    #[cfg(feature = "blis")]
    unsafe extern "C" {
        pub(super) fn bli_info_get_version_str() -> *const c_char;
        pub(super) fn bli_arch_query_id() -> c_int;
        pub(super) fn bli_arch_string(id: c_int) -> *const c_char;
        pub(super) fn bli_thread_get_num_threads() -> isize;
    }

    #[cfg(feature = "intel-mkl")]
    unsafe extern "C" {
        pub(super) fn MKL_Get_Version_String(text: *mut u8, length: c_int);
        pub(super) fn MKL_Get_Max_Threads() -> c_int;
        pub(super) fn MKL_Set_Num_Threads_Local(threads: c_int) -> c_int;
    }
}

/// See [`crate::info()`].
#[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
pub(crate) fn info() -> Info {
    // SAFETY: these take nothing and return the library's own static strings.
    let (configuration, kernel) = unsafe {
        (library::text(library::openblas_get_config()), library::text(library::openblas_get_corename()))
    };
    let version =
        configuration.as_deref().and_then(|c| c.split_whitespace().nth(1)).map(|version| version.to_string());
    Info { library: "OpenBLAS", version, kernel, configuration, threads: threads(), lapack: LAPACK }
}

/// See [`crate::info()`].
#[cfg(feature = "blis")]
pub(crate) fn info() -> Info {
    // SAFETY: the first two take nothing, the third the number the second gave; they return static strings.
    let (version, kernel) = unsafe {
        (
            library::text(library::bli_info_get_version_str()),
            library::text(library::bli_arch_string(library::bli_arch_query_id())),
        )
    };
    Info { library: "BLIS", version, kernel, configuration: None, threads: threads(), lapack: LAPACK }
}

/// See [`crate::info()`].
#[cfg(feature = "intel-mkl")]
pub(crate) fn info() -> Info {
    let mut text = [0u8; 256];
    // SAFETY: it writes at most that many bytes.
    unsafe { library::MKL_Get_Version_String(text.as_mut_ptr(), text.len() as c_int) };
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let configuration = String::from_utf8_lossy(&text[..end]).trim().to_string();
    let version = configuration
        .split_once("Version ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map(|version| version.to_string());
    Info {
        library: "Intel MKL",
        version,
        kernel: None,
        configuration: Some(configuration),
        threads: threads(),
        lapack: LAPACK,
    }
}

/// See [`crate::info()`].
#[cfg(feature = "accelerate")]
pub(crate) fn info() -> Info {
    Info {
        library: "Accelerate",
        version: None,
        kernel: None,
        configuration: None,
        threads: threads(),
        lapack: LAPACK,
    }
}

/// See [`crate::info()`].
#[cfg(feature = "netlib")]
pub(crate) fn info() -> Info {
    Info {
        library: "libblas",
        version: None,
        kernel: None,
        configuration: None,
        threads: threads(),
        lapack: LAPACK,
    }
}

/// The threads that the library would use for a large product.
pub(crate) fn threads() -> usize {
    #[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
    // SAFETY: it takes nothing and returns a number.
    let threads = unsafe { library::openblas_get_num_threads() } as isize;
    #[cfg(feature = "blis")]
    // SAFETY: it takes nothing and returns a number, -1 where none was chosen: then it uses one.
    let threads = unsafe { library::bli_thread_get_num_threads() };
    #[cfg(feature = "intel-mkl")]
    // SAFETY: it takes nothing and returns a number.
    let threads = unsafe { library::MKL_Get_Max_Threads() } as isize;
    #[cfg(feature = "accelerate")]
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()) as isize;
    #[cfg(feature = "netlib")]
    let threads = 1;
    usize::try_from(threads).unwrap_or(1).max(1)
}

/// The threads that a batch may use: the library's own number where it has one, so that one setting governs both.
pub(crate) fn batch_threads() -> usize {
    let available = std::thread::available_parallelism().map_or(1, |n| n.get());
    match threads() {
        // BLIS with a number of threads uses them for any size, and cannot be told otherwise for a while.
        threads if cfg!(feature = "blis") => {
            if threads > 1 {
                1
            } else {
                available
            }
        }
        _ if cfg!(feature = "netlib") => available,
        threads => threads.min(available),
    }
}

/// How OpenBLAS computes in parallel: 0 for not at all, 1 for threads of its own, 2 for OpenMP. In the other libraries
/// calls from several threads do not meet: 1.
fn parallel() -> c_int {
    #[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
    // SAFETY: it takes nothing and returns a number.
    let parallel = unsafe { library::openblas_get_parallel() };
    #[cfg(not(any(feature = "openblas-system", feature = "openblas-static")))]
    let parallel = 1;
    parallel
}

/// What a caller holds while it is in the library, where only one may be.
///
/// An OpenBLAS without threads shares its buffers between callers unless it was built with `USE_LOCKING`, which it does
/// not tell: Debian's 0.3.21 (libopenblas0-serial) gave wrong results in one of four runs of this crate's tests.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    (parallel() == 0).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether [`Cap`] keeps the library to one thread per caller.
///
/// OpenBLAS on OpenMP frees the buffers of other threads when its number of threads is lowered, which is not safe while
/// they compute; on its own threads the number is no more than a number. MKL has a number for each thread; the
/// reference and BLIS (see [`batch_threads`]) use one.
pub(crate) fn can_cap() -> bool {
    parallel() == 1 && !cfg!(feature = "accelerate")
}

/// While it lives, products that the thread which made it computes use that thread only.
///
/// OpenBLAS's number of threads is the process's (`openblas_set_num_threads_local` too, but for OpenMP): products that
/// others compute meanwhile use one thread as well. The last cap to go restores the number that the first found.
pub(crate) struct Cap {
    #[cfg(feature = "intel-mkl")]
    before: c_int,
}

/// How many caps there are, and the number of threads that the first found.
#[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
static CAPS: Mutex<(usize, c_int)> = Mutex::new((0, 0));

impl Cap {
    pub(crate) fn new() -> Cap {
        #[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
        {
            let mut caps = CAPS.lock().unwrap_or_else(PoisonError::into_inner);
            if caps.0 == 0 {
                caps.1 = threads() as c_int;
                // SAFETY: a positive number; on other threads' computations see `can_cap`.
                unsafe { library::openblas_set_num_threads(1) };
            }
            caps.0 += 1;
        }
        Cap {
            // SAFETY: a positive number, for this thread alone.
            #[cfg(feature = "intel-mkl")]
            before: unsafe { library::MKL_Set_Num_Threads_Local(1) },
        }
    }
}

impl Drop for Cap {
    fn drop(&mut self) {
        #[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
        {
            let mut caps = CAPS.lock().unwrap_or_else(PoisonError::into_inner);
            caps.0 -= 1;
            if caps.0 == 0 {
                // SAFETY: the positive number that was there before.
                unsafe { library::openblas_set_num_threads(caps.1) };
            }
        }
        #[cfg(feature = "intel-mkl")]
        // SAFETY: the number that was there before, 0 for the process's.
        unsafe {
            library::MKL_Set_Num_Threads_Local(self.before)
        };
    }
}

/// What this thread has called, for tests: that the library is used, and how often.
#[cfg(test)]
pub(crate) mod calls {
    use super::Routine;
    use std::cell::{Cell, RefCell};

    thread_local!(static CALLS: Cell<[usize; 4]> = const { Cell::new([0; 4]) });
    thread_local!(static LINALG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });

    pub(super) fn count_linalg(name: &'static str) {
        LINALG.with_borrow_mut(|calls| calls.push(name));
    }

    /// The routines of linear algebra that `f` calls on this thread, without questions for workspaces.
    pub(crate) fn linalg_during<R>(f: impl FnOnce() -> R) -> (R, Vec<&'static str>) {
        LINALG.take();
        let result = f();
        (result, LINALG.take())
    }

    pub(super) fn count(routine: Routine) {
        let mut calls = CALLS.get();
        calls[match routine {
            Routine::Gemm => 0,
            Routine::GemvLeft | Routine::GemvRight => 1,
            Routine::Ger => 2,
            Routine::Dot => 3,
        }] += 1;
        CALLS.set(calls);
    }

    /// The calls of gemm, gemv, ger and dot that `f` makes on this thread.
    pub(crate) fn during<R>(f: impl FnOnce() -> R) -> (R, [usize; 4]) {
        CALLS.set([0; 4]);
        let result = f();
        (result, CALLS.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_that_cblas_takes() {
        let of = |dim, strides| Layout::of(dim, strides).map(|l| (l.transposed, l.ld));
        assert_eq!(of((3, 4), (4, 1)), Some((false, 4)), "rows");
        assert_eq!(of((3, 4), (1, 3)), Some((true, 3)), "columns");
        assert_eq!(of((3, 4), (9, 1)), Some((false, 9)), "rows of a wider matrix");
        assert_eq!(of((3, 1), (2, 7)), Some((false, 2)), "every second of a vector");
        assert_eq!(of((1, 4), (0, 1)), Some((false, 4)), "one row, whatever the stride to the next");
        assert_eq!(of((1, 4), (0, 2)), Some((true, 2)), "a row of a wider matrix, as a column");
        for strides in [(8, 2), (-4, 1), (4, -1), (0, 1), (1, 0), (0, 0), (3, 1), (1, 2)] {
            assert_eq!(of((3, 4), strides), None, "{strides:?}");
        }
    }

    #[test]
    fn what_does_not_fit_in_32_bits_has_no_layout() {
        let large = i32::MAX as usize + 1;
        assert_eq!(Layout::of((large, 1), (1, 1)), None);
        assert_eq!(Layout::of((1, large), (1, 1)), None);
        assert_eq!(Layout::of((2, 2), (large as isize, 1)), None);
        assert!(Layout::of((large - 1, 1), (1, 1)).is_some());
    }

    #[test]
    #[should_panic(expected = "cblas_dgemm: (1, 2, 3), (1, 4, 2) and (1, 2, 2) do not go together")]
    fn shapes_are_checked() {
        let (a, b) = ([0.0; 6], [0.0; 8]);
        let a = ArrayView3::from_shape((1, 2, 3), &a).expect("6 elements");
        let b = ArrayView3::from_shape((1, 4, 2), &b).expect("8 elements");
        let mut c = [0.0; 4];
        let mut c = ArrayViewMut3::from_shape((1, 2, 2), &mut c).expect("4 elements");
        f64::products(1.0, a, b, 0.0, &mut c);
    }
}
