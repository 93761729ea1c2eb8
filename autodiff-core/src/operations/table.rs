//! What `OPERATIONS.md` says beyond the operations' own docs: their order, other libraries' names for them, and the
//! derivative where their docs state none.

/// A family of operations: its title, what its members have in common, and the members.
pub(super) struct Family {
    pub title: &'static str,
    pub about: &'static str,
    pub rows: &'static [Row],
}

/// An operation: its name, NumPy's (or, where that has none, SciPy's) and PyTorch's for it, and, unless its docs state
/// it, its derivative.
pub(super) type Row = [&'static str; 4];

/// The families, in the order of the page.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "Arithmetic",
        about: "Under broadcasting; values, numbers and arrays on either side of an operator.",
        rows: &[
            ["add", "`a + b`", "`a + b`", "1 and 1"],
            ["sub", "`a - b`", "`a - b`", "1 and -1"],
            ["mul", "`a * b`", "`a * b`", "`b` and `a`"],
            ["div", "`a / b`", "`a / b`", "`1 / b` and `-a / b^2`"],
            ["neg", "`-x`", "`-x`", "-1"],
            ["pow", "power", "pow", ""],
            ["powi", "power", "pow", ""],
            ["powf", "power", "pow", ""],
            ["square", "square", "square", ""],
            ["recip", "reciprocal", "reciprocal", ""],
            ["sqrt", "sqrt", "sqrt", ""],
            ["abs", "abs", "abs", ""],
        ],
    },
    Family {
        title: "Exponentials and logarithms",
        about: "",
        rows: &[
            ["exp", "exp", "exp", ""],
            ["exp_m1", "expm1", "expm1", ""],
            ["ln", "log", "log", ""],
            ["ln_1p", "log1p", "log1p", ""],
        ],
    },
    Family {
        title: "Trigonometric and hyperbolic functions",
        about: "",
        rows: &[["sin", "sin", "sin", ""], ["cos", "cos", "cos", ""], ["tanh", "tanh", "tanh", ""]],
    },
    Family {
        title: "Activations",
        about: "",
        rows: &[
            ["sigmoid", "scipy.special.expit", "sigmoid", ""],
            ["softplus", "`logaddexp(x, 0)`", "nn.functional.softplus", ""],
            ["relu", "`maximum(x, 0)`", "relu", ""],
        ],
    },
    Family {
        title: "Rounding, signs and choices",
        about: "Masks are arrays of `bool`; comparisons broadcast, and carry no gradient.",
        rows: &[
            ["sign", "sign", "sign", ""],
            ["clamp", "clip", "clamp", ""],
            ["maximum", "maximum", "maximum", ""],
            ["minimum", "minimum", "minimum", ""],
            [
                "where_",
                "where",
                "where",
                "1 for what is chosen; exactly 0 for what is not, be it infinite or NaN",
            ],
            ["lt", "less", "lt", "none"],
            ["le", "less_equal", "le", "none"],
            ["gt", "greater", "gt", "none"],
            ["ge", "greater_equal", "ge", "none"],
            ["eq", "equal", "eq", "none"],
            ["ne", "not_equal", "ne", "none"],
        ],
    },
    Family {
        title: "Reductions",
        about: "Over all axes; `sum_axis(axes)` is over some, and `sum_keepdims(axes)` keeps them with length 1. So for all.",
        rows: &[
            ["sum", "sum", "sum", "1"],
            ["mean", "mean", "mean", "`1 / n`"],
            ["max", "max", "amax", ""],
            ["min", "min", "amin", ""],
            ["logsumexp", "scipy.special.logsumexp", "logsumexp", ""],
        ],
    },
    Family {
        title: "Normalised",
        about: "Along one or several axes.",
        rows: &[
            ["softmax", "scipy.special.softmax", "softmax", "`dx = y (g - sum(g y))`"],
            ["log_softmax", "scipy.special.log_softmax", "log_softmax", "`dx = g - softmax(x) sum(g)`"],
            ["cross_entropy", "", "nn.functional.cross_entropy", "`(softmax(x) - onehot) / batch`"],
        ],
    },
    Family {
        title: "Products",
        about: "",
        rows: &[["matmul", "matmul", "matmul", "`dA = G B^T`, `dB = A^T G`"]],
    },
    Family {
        title: "Shapes and indices",
        about: "Each is linear, and its derivative itself; a gradient goes back to the places its elements came from, where \
                those of repeated ones are added up.",
        rows: &[
            ["reshape", "reshape", "reshape", "itself"],
            ["permute", "transpose", "permute", "itself"],
            ["t", "`x.T`", "`x.T`", "itself"],
            ["swap_axes", "swapaxes", "swapaxes", "itself"],
            ["broadcast_to", "broadcast_to", "broadcast_to", "itself"],
            ["squeeze", "squeeze", "squeeze", "itself"],
            ["squeeze_axis", "squeeze", "squeeze", "itself"],
            ["unsqueeze", "expand_dims", "unsqueeze", "itself"],
            ["slice", "`x[..]`", "`x[..]`", "itself"],
            ["index_select", "take", "index_select", "itself"],
            ["concat", "concatenate", "cat", "itself"],
            ["stack", "stack", "stack", "itself"],
        ],
    },
    Family {
        title: "Linear algebra",
        about: "Of matrices in the last two axes. In derivatives, `dA` is a change of the matrix.",
        rows: &[
            ["solve", "linalg.solve", "linalg.solve", "`dX = A^-1 (dB - dA X)`"],
            [
                "solve_triangular",
                "scipy.linalg.solve_triangular",
                "linalg.solve_triangular",
                "`dX = T^-1 (dB - dT X)`",
            ],
            ["inv", "linalg.inv", "linalg.inv", "`dY = -Y dA Y`"],
            ["det", "linalg.det", "linalg.det", "the cofactors, of singular matrices too"],
            ["slogdet", "linalg.slogdet", "linalg.slogdet", "`tr(A^-1 dA)`"],
            ["cholesky", "linalg.cholesky", "linalg.cholesky", "`dL = L low(L^-1 dA L^-T)`"],
            ["qr", "linalg.qr", "linalg.qr", "by `dR R^-1` and `Q^T dA R^-1`"],
            [
                "eigh",
                "linalg.eigh",
                "linalg.eigh",
                "`dw = diag(V^T dA V)`; of V by differences of eigenvalues",
            ],
            ["eigvalsh", "linalg.eigvalsh", "linalg.eigvalsh", "`dw = diag(V^T dA V)`"],
            [
                "svd",
                "linalg.svd",
                "linalg.svd",
                "`ds = diag(U^T dA V)`; of U and V by differences of squares",
            ],
            ["svdvals", "linalg.svdvals", "linalg.svdvals", "`ds = diag(U^T dA V)`"],
            ["pinv", "linalg.pinv", "linalg.pinv", "Golub and Pereyra's formula"],
            ["lstsq", "linalg.lstsq", "linalg.lstsq", "that of `pinv(A) B`"],
            ["matrix_power", "linalg.matrix_power", "linalg.matrix_power", "that of the products"],
            ["trace", "linalg.trace", "trace", "the identity matrix"],
            ["diagonal", "linalg.diagonal", "diagonal", "itself"],
            ["diag", "diag", "diag", "itself"],
            ["tril", "tril", "tril", "itself"],
            ["triu", "triu", "triu", "itself"],
        ],
    },
];

/// What users do not call as operations: the derivatives of others, what those are made of, and what frames functions.
pub(super) const INTERNAL: &[&str] = &[
    "alias",
    "below",
    "chain",
    "checkpoint",
    "clip",
    "cofactor",
    "custom",
    "hook_grad",
    "index_add",
    "inside",
    "larger",
    "ln_slope",
    "pow_ln",
    "same",
    "sech2",
    "sigmoid_slope",
    "sqrt_slope",
    "step",
    "unslice",
    "where",
];
