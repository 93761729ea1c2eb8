"""Files that tests/suite/io.rs compares with those of the crate.

    pip install safetensors==0.8.0 numpy==2.4.6
    python3 tests/suite/reference/io.py
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

here = Path(__file__).parent


def write(name, metadata=None, **values):
    save_file({key.replace("_", "."): np.asarray(x) for key, x in values.items()}, here / name, metadata)


weight = np.array([[1.0, 2.0, 3.0], [-0.5, 1e-300, -np.inf]])
write("io.safetensors", **{"0_weight": weight, "0_bias": [0.1, -0.0], "steps": 12.0, "none": np.zeros((0, 2))})
write("io_mixed.safetensors", {"format": "np"}, single=np.float32([0.1, 3.0]), double=[0.1])
halves = [0.0, -0.0, 1.5, -65504.0, 2.0**-24, 2.0**-14, 0.333251953125, np.inf, -np.inf, np.nan]
integers = {f"{kind.__name__}": kind([np.iinfo(kind).min // 2, 3]) for kind in (np.int8, np.int16, np.int32, np.int64)}
unsigned = {f"{kind.__name__}": kind([np.iinfo(kind).max // 2 + 1, 3]) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)}
write("io_small.safetensors", half=np.float16(halves), bool=[True, False], **integers, **unsigned)
write("io_large.safetensors", large=np.int64([1, 2**53 + 1]))
write("io_complex.safetensors", c=np.complex64([1j]))
