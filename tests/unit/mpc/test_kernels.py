"""The compiled loops and the pieces they work on, against numpy."""

import sys

import numpy as np
import pytest

from counterfoil.mpc.ring import chunks, kernels
from counterfoil.mpc.ring.chunks import CHUNK, cut, linear, pieces, trim
from counterfoil.mpc.ring.lanes import lane_piece, lane_type, lane_words, lanes, to_lanes
from counterfoil.mpc.ring.packing import slices
from counterfoil.mpc.ring.shares import U64, tail_mask

RNG = np.random.default_rng(1)


def words(*shape):
    return RNG.integers(0, 1 << 64, shape, dtype=U64)


def frozen(array):
    array.flags.writeable = False
    return array


def test_who_plans_a_job_counts_without_kernels(monkeypatch):
    x, y = frozen(words(CHUNK + 7)), frozen(words(CHUNK + 7))
    compiled = linear([(3, x), (-2, y)], 5)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, kernels.__name__)
    chunks._add_multiple.cache_clear()
    try:
        assert np.array_equal(linear([(3, x), (-2, y)], 5), compiled)
        assert chunks._add_multiple() is not kernels.add_multiple
    finally:
        chunks._add_multiple.cache_clear()


def test_elementwise_kernels():
    x0, x1, y0, y1, a, b = (frozen(words(1000)) for _ in range(6))
    expected = {
        kernels.masked_product: ((x0, x1, y0, y1, a, b), x0 * (y0 + y1) + x1 * y0 + a - b),
        kernels.masked_and: ((x0, x1, y0, y1, a, b), (x0 & (y0 ^ y1)) ^ (x1 & y0) ^ a ^ b),
        kernels.masked_term: ((x0, y0, a, b), x0 * y0 + a - b),
        kernels.masked_and_term: ((x0, y0, a, b), (x0 & y0) ^ a ^ b),
    }
    for kernel, (operands, result) in expected.items():
        out = np.empty(1000, U64)
        kernel(*operands, out)
        np.testing.assert_array_equal(out, result, err_msg=kernel.__name__)


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize(
    ("kernel", "times", "plus", "minus"),
    [
        (kernels.joint_product, np.multiply, np.add, np.subtract),
        (kernels.joint_and, np.bitwise_and, np.bitwise_xor, np.bitwise_xor),
    ],
)
def test_joint_kernels(kernel, times, plus, minus, cyclic):
    """Rows (g, h) are (a, b), (b, c), and (a, c) or (c, a): the mask goes to g, the masked cross term to h."""
    x, y, masks, extra = ([frozen(words(1000)) for _ in range(size)] for size in (3, 3, 3, 2))
    z, told = ([np.empty(1000, U64) for _ in range(3)] for _ in range(2))
    kernel(*x, *y, *masks, *extra, cyclic, *z, *told)
    expected = [times(x[j], y[j]) for j in range(3)]
    for (g, h), mask, said in zip([(0, 1), (1, 2), (2, 0) if cyclic else (0, 2)], masks, told, strict=True):
        value = minus(plus(times(x[g], y[h]), times(x[h], y[g])), mask)
        np.testing.assert_array_equal(said, value)
        expected[g], expected[h] = plus(expected[g], mask), plus(expected[h], value)
    expected[1], expected[2] = plus(expected[1], extra[0]), plus(expected[2], extra[1])
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize(("a", "k", "b"), [(1, 1, 1), (7, 300, 5), (200, 3, 400), (3, 0, 2), (1, 2, 40000)])
def test_contractions_add_to_what_is_there(a, k, b):
    x, y, z = words(k, a), words(k, b), words(a, b)
    expected = z + x.T @ y
    kernels.add_matmul(x, y, z)
    np.testing.assert_array_equal(z, expected)
    u, v, w = words(a, k), words(a, k), words(a)
    expected = w + (u * v).sum(axis=1)
    kernels.add_dot(u, v, w)
    np.testing.assert_array_equal(w, expected)


@pytest.mark.parametrize("frac", [1, 8, 16, 18, 32, 33, 62])
def test_kernels_of_truncation(frac):
    """Of L + R with the masks taken off: (L >> f) + (R >> f) - wrapped·2^(64 - f) - (2^62 - 1 >> f)."""
    n, raised, by, up = 1000, U64((1 << 62) - 1), U64(frac), U64(64 - frac)
    lane = lane_type(frac)
    left, right, z0 = (frozen(words(n)) for _ in range(3))
    masks = [frozen(words(n).astype(lane)) for _ in range(3)]
    top, second, first = masks
    a, b = (left + raised) >> U64(63), right >> U64(63)
    told, z1, z2 = np.empty(n, lane), np.empty(n, U64), np.empty(n, U64)
    kernels.truncate_left(left, top, first, second, by, raised, z0, told, z1)
    np.testing.assert_array_equal(told, a.astype(lane) - top)
    messages = np.empty((2, n), lane)
    for of_a, mask, message in zip((told, top), (second, first), messages, strict=True):
        kernels.unless_top(right, of_a, mask, message)
        np.testing.assert_array_equal(message, (U64(1) - b).astype(lane) * of_a - mask)
    kernels.truncate_right(right, *messages, by, raised, z2)
    expected = ((left + raised) >> by) + (right >> by) - ((a | b) << up) - (raised >> by)
    np.testing.assert_array_equal(z0 + z1 + z2, expected)
    kernels.subtract_carried(left, top, by, z2)
    np.testing.assert_array_equal(z2, left - (top.astype(U64) << up))


@pytest.mark.parametrize(("bits", "size"), [(1, 1), (8, 1), (9, 2), (16, 2), (17, 4), (32, 4), (33, 8), (64, 8)])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, CHUNK + 5])
def test_lanes(bits, size, n):
    x = words(n)
    packed = to_lanes(x, bits)
    assert packed.size == lane_words(n, bits) == -(-n * size // 8)
    np.testing.assert_array_equal(lanes(packed, n, bits), x & U64((1 << 8 * size) - 1))
    assert not packed.view(np.uint8)[n * size :].any()
    covered = [place for piece in pieces(n) for place in range(packed.size)[lane_piece(piece, bits)]]
    assert covered == list(range(packed.size))


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
def test_bit_slices(n):
    x = words(n)
    out = np.empty((64, (n + 63) // 64), U64)
    kernels.bit_slices(frozen(x), out)
    np.testing.assert_array_equal(out, slices(x))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_pieces_cover(size):
    found = list(pieces(size))
    assert [at for piece in found for at in range(piece.start, piece.stop)] == list(range(size))
    assert all(0 < piece.stop - piece.start <= CHUNK for piece in found)


@pytest.mark.parametrize("width", [1, 100, 3000, CHUNK + 7])
@pytest.mark.parametrize("view", [slice(None), slice(0, None, 2), slice(1, 2), slice(None, None, -1)])
def test_cut_takes_views_as_they_lie(width, view):
    blocks = [(words(6, width)[view], words(6, width)[view]) for _ in range(2)]
    blocks.append((words(2, 3, width)[:, view], np.broadcast_to(U64(7), (2, 3, width))[:, view]))
    expected = [np.concatenate([block[k].ravel() for block in blocks]) for k in range(2)]
    found = np.zeros((2, expected[0].size), U64)
    for piece, own in cut(blocks):
        assert all(part.flags.c_contiguous and part.ndim == 1 and part.size <= CHUNK for part in own)
        found[:, piece] += own
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("length", [1, 64, 65, 130])
def test_trim_clears_the_tails_of_any_run_of_rows(length):
    mask = np.tile(tail_mask(length), 5)
    whole = words(mask.size)
    for start in range(mask.size):
        piece = whole[start:].copy()
        np.testing.assert_array_equal(trim(piece, length, start), whole[start:] & mask[start:])


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, CHUNK + 7)])
def test_linear_is_the_sum_of_multiples(shape):
    x, y = words(*shape), words(*reversed(shape)).T
    nothing, nines = np.broadcast_to(U64(0), shape), np.broadcast_to(U64(9), shape)
    found = linear([(1, x), (-2, frozen(y)), (1 << 63, x), (5, nothing), (7, nines)], -3)
    expected = x - U64(2) * y + (x << U64(63)) + U64(60)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == shape
