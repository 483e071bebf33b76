"""Vectors of signed bytes stay within the bounds that the module states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bot.analysis.vectors import (
    STEPS,
    angle_error,
    cosine,
    cosines,
    quantise,
    restore,
)
from bot.models.vectors import PackedVector

_NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-30)
_VECTORS = st.integers(1, 300).flatmap(lambda n: arrays(np.float64, n, elements=_NUMBERS))


@settings(deadline=None)
@given(_VECTORS)
def test_each_dimension_is_off_by_half_a_step_at_most(vector: np.ndarray) -> None:
    packed = quantise(vector)
    back = np.frombuffer(packed.body, dtype=np.int8) * packed.scale

    assert packed.dimensions == vector.size
    assert packed.scale == pytest.approx(np.abs(vector).max() / STEPS)
    assert np.abs(back - vector).max() <= packed.scale * 0.5000001
    assert np.linalg.norm(back - vector) <= math.sqrt(vector.size) * packed.scale * 0.5000001


@settings(deadline=None)
@given(_VECTORS)
def test_a_vector_is_turned_no_further_than_the_bound(vector: np.ndarray) -> None:
    assume(np.abs(vector).max() > 0)
    largest = np.abs(vector).max()
    packed = quantise(vector)
    back = np.frombuffer(packed.body, dtype=np.int8) / STEPS
    exact = vector / largest
    likeness = float(exact @ back / (np.linalg.norm(exact) * np.linalg.norm(back)))

    assert math.sqrt(max(0.0, 1 - min(1.0, likeness) ** 2)) <= angle_error(vector) + 1e-6


def _pairs(size: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    whole = arrays(np.int64, size, elements=st.integers(-(10**6), 10**6))
    vector = whole.map(lambda values: values / 1000 + (0.0 if values.any() else 1.0))
    return st.tuples(vector, vector)


@settings(deadline=None)
@given(st.integers(1, 200).flatmap(_pairs))
def test_a_cosine_is_off_by_no_more_than_both_turns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """|cos(a + b) - cos(a)| is at most the turn b; both vectors are turned."""
    one, other = pair
    a, b = one / np.abs(one).max(), other / np.abs(other).max()
    exact = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    turned = math.asin(angle_error(one)) + math.asin(angle_error(other))

    assert abs(cosine(quantise(one), quantise(other)) - exact) <= turned + 1e-6


def test_an_embedding_keeps_its_cosines_to_three_digits() -> None:
    """What the bound means for vectors as language models make them."""
    chance = np.random.default_rng(7)
    vectors = chance.normal(size=(200, 384))
    packed = [quantise(vector) for vector in vectors]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = unit @ unit[0]
    found = cosines(packed[0], [one.body for one in packed])

    assert np.abs(np.array(found) - exact).max() < 0.003


@pytest.mark.parametrize("size", [384, 4096])
def test_products_are_exact_at_the_largest_values(size: int) -> None:
    """No precision is lost in the sum, however long the vector."""
    most = PackedVector(1.0, np.full(size, 127, dtype=np.int8).tobytes())
    opposite = PackedVector(1.0, np.full(size, -127, dtype=np.int8).tobytes())

    assert cosine(most, most) == 1.0
    assert cosine(most, opposite) == -1.0


def test_vectors_that_are_nothing_are_like_nothing() -> None:
    zero = quantise([0.0, 0.0, 0.0])

    assert cosine(zero, quantise([1.0, 2.0, 3.0])) == 0.0
    assert restore(zero).tolist() == [0.0, 0.0, 0.0]
    assert cosines(zero, []) == []
    assert angle_error([0.0]) == 0.0


def test_the_smallest_and_the_largest_numbers_are_kept() -> None:
    for size in (5e-324, 1e-310, 1.7e308):
        assert quantise([size, -size, 0.0]).body == bytes([127, 129, 0])


@pytest.mark.parametrize("wrong", [[], [math.nan], [1.0, math.inf], [[1.0]], [0.0] * 65_537])
def test_what_is_no_vector_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="a vector"):
        quantise(wrong)


def test_only_vectors_of_one_size_are_compared() -> None:
    with pytest.raises(ValueError, match="3 dimensions"):
        cosines(quantise([1.0, 2.0, 3.0]), [b"\x01\x02"])
