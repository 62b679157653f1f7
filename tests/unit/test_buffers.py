"""Buffers that are used again."""

import numpy as np

from visard.models.buffers import Buffers


def test_the_same_name_gives_the_same_memory() -> None:
    buffers = Buffers()
    first = buffers.bytes("a", 10, 20, 3)
    assert first.shape == (10, 20, 3)
    assert first.dtype == np.uint8
    assert np.shares_memory(first, buffers.bytes("a", 10, 20, 3))
    assert np.shares_memory(first, buffers.bytes("a", 4, 5))
    assert not np.shares_memory(first, buffers.bytes("b", 10, 20, 3))


def test_it_grows_and_what_was_given_before_stays_whole() -> None:
    buffers = Buffers()
    small = buffers.bytes("a", 3, 3)
    small.fill(7)
    large = buffers.bytes("a", 50, 50)
    large.fill(9)
    assert large.shape == (50, 50)
    assert (small == 7).all()


def test_floats() -> None:
    buffers = Buffers()
    array = buffers.floats("map", 5, 7, 2)
    assert array.shape == (5, 7, 2)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array.fill(1.5)
    assert (buffers.floats("map", 5, 7, 2) == 1.5).all()
    assert buffers.floats("map", 3, 3).shape == (3, 3)


def test_nothing_is_a_size_too() -> None:
    assert Buffers().bytes("a", 0, 5).shape == (0, 5)
