"""Vectors in little room: a signed byte for each dimension, and one scale for all of them.

A dimension of v is kept as q = round(v / s) with s = max|v| / 127, so it is off by at most
s / 2. With n dimensions the vector is off by at most √n·s/2 in length; the sine of the angle
between it and what is kept is at most `angle_error(v)` = √n·s / (2·|v|). The scale cancels out of
a cosine, which is therefore computed on the bytes themselves, in whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot.models.vectors import PackedVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 127  # -128 is not used: a vector and its opposite are kept alike
MOST_DIMENSIONS = 65_536  # a sum of products of bytes must fit 32 bits


def quantise(vector: Sequence[float] | NDArray[np.floating]) -> PackedVector:
    """The vector, a byte a dimension; ValueError for one that is empty or not finite."""
    import numpy as np

    values = np.asarray(vector, dtype=np.float64)
    if values.ndim != 1 or not 0 < values.size <= MOST_DIMENSIONS:
        raise ValueError(f"a vector has 1 to {MOST_DIMENSIONS} dimensions")
    if not np.isfinite(values).all():
        raise ValueError("a vector is made of finite numbers")
    largest = float(np.abs(values).max())
    if not largest:
        return PackedVector(0.0, bytes(values.size))
    # Divided before it is multiplied: the scale of the smallest numbers would be zero.
    steps = np.rint(values / largest * STEPS).astype(np.int8)
    return PackedVector(largest / STEPS, steps.tobytes())


def restore(packed: PackedVector) -> NDArray[np.float32]:
    """The vector again, each dimension off by at most half of `scale`."""
    import numpy as np

    return np.frombuffer(packed.body, dtype=np.int8).astype(np.float32) * np.float32(packed.scale)


def angle_error(vector: Sequence[float] | NDArray[np.floating]) -> float:
    """The bound on the sine of the angle by which quantising turns the vector; 0 for none."""
    import numpy as np

    values = np.asarray(vector, dtype=np.float64)
    largest = float(np.abs(values).max())
    if not largest:
        return 0.0
    length = largest * float(np.linalg.norm(values / largest))
    return min(1.0, math.sqrt(values.size) * (largest / STEPS) / (2 * length))


def cosine(one: PackedVector, other: PackedVector) -> float:
    """How alike two vectors are, from -1 to 1; 0 when one of them is all zeros."""
    return cosines(one, [other.body])[0]


def cosines(query: PackedVector, bodies: Sequence[bytes]) -> list[float]:
    """How alike each vector of a batch is to the query; ValueError for other dimensions.

    The products are exact: single precision holds whole numbers up to 2^24, which 1,040
    dimensions of 127 · 127 do not pass; longer vectors are multiplied in double precision.
    """
    import numpy as np

    size = query.dimensions
    if any(len(body) != size for body in bodies):
        raise ValueError(f"not all vectors have {size} dimensions")
    if not bodies:
        return []
    exact: Any = np.float32 if size * STEPS * STEPS < 2**24 else np.float64
    asked = np.frombuffer(query.body, dtype=np.int8).astype(exact)
    table = np.frombuffer(b"".join(bodies), dtype=np.int8).reshape(-1, size).astype(exact)
    products = table @ asked
    lengths = np.sqrt(np.einsum("ij,ij->i", table, table, dtype=np.float64))
    lengths *= math.sqrt(float(asked.astype(np.float64) @ asked.astype(np.float64)))
    likeness = np.divide(
        products, lengths, out=np.zeros(len(bodies), dtype=np.float64), where=lengths > 0
    )
    found: list[float] = np.clip(likeness, -1.0, 1.0).tolist()
    return found
