"""Compile the loops that must be fast: one fused pass over memory each, compiled once and cached on disk.

The only module that imports numba. Every kernel releases the GIL, takes C-contiguous uint64 arrays (inputs may be
read-only) and writes into the array it is given. Knows nothing of parties, keys or messages; a keystream is just
another input. All arithmetic is mod 2^64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from counterfoil.mpc.ring.lanes import Lanes
from counterfoil.mpc.ring.shares import U64, Words

_IN = types.Array(types.uint64, 1, "C", readonly=True)
_IN2 = types.Array(types.uint64, 2, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")
_OUT2 = types.Array(types.uint64, 2, "C")
_LANES_IN, _LANES_OUT = "lanes", "lanes to write"


def _kernel(*signature: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    compiled: Callable[[Callable[..., None]], Callable[..., None]] = numba.njit(
        types.void(*signature), nogil=True, cache=True
    )
    return compiled


def _lane_kernel(*signature: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a kernel for lanes of every width, which replace _LANES_IN and _LANES_OUT."""
    each = []
    for lane in (types.uint8, types.uint16, types.uint32, types.uint64):
        of_lane = {_LANES_IN: types.Array(lane, 1, "C", readonly=True), _LANES_OUT: types.Array(lane, 1, "C")}
        each.append(types.void(*(of_lane.get(argument, argument) for argument in signature)))
    compiled: Callable[[Callable[..., None]], Callable[..., None]] = numba.njit(each, nogil=True, cache=True)
    return compiled


def _helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that kernels alone call, for the types that they call it with."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, cache=True)(function)
    return compiled


# --- products of replicated shares ------------------------------------------------------------------------------


@_kernel(_IN, _IN, _IN, _IN, _IN, _IN, _OUT)
def masked_product(x0: Words, x1: Words, y0: Words, y1: Words, a: Words, b: Words, z: Words) -> None:
    """Compute z = x0·(y0 + y1) + x1·y0 + a - b."""
    for i in range(z.size):
        z[i] = x0[i] * (y0[i] + y1[i]) + x1[i] * y0[i] + a[i] - b[i]


@_kernel(_IN, _IN, _IN, _IN, _IN, _IN, _OUT)
def masked_and(x0: Words, x1: Words, y0: Words, y1: Words, a: Words, b: Words, z: Words) -> None:
    """Compute z = x0&(y0^y1) ^ x1&y0 ^ a ^ b."""
    for i in range(z.size):
        z[i] = (x0[i] & (y0[i] ^ y1[i])) ^ (x1[i] & y0[i]) ^ a[i] ^ b[i]


@_kernel(_IN, _IN, _IN, _IN, _OUT)
def masked_term(x: Words, y: Words, a: Words, b: Words, z: Words) -> None:
    """Compute z = x·y + a - b."""
    for i in range(z.size):
        z[i] = x[i] * y[i] + a[i] - b[i]


@_kernel(_IN, _IN, _IN, _IN, _OUT)
def masked_and_term(x: Words, y: Words, a: Words, b: Words, z: Words) -> None:
    """Compute z = x&y ^ a ^ b."""
    for i in range(z.size):
        z[i] = (x[i] & y[i]) ^ a[i] ^ b[i]


# Four parties: components a, b, c of x, y and z; of the three rows the masks m and what is told; masks eb, ec of rows
# whose value this party does not know. A third row that is `cyclic` has its mask on c instead of a.
_JOINT = (*[_IN] * 11, types.boolean, *[_OUT] * 6)


@_kernel(*_JOINT)
def joint_product(
    xa: Words, xb: Words, xc: Words, ya: Words, yb: Words, yc: Words,
    m1: Words, m2: Words, m3: Words, eb: Words, ec: Words, cyclic: bool,
    za: Words, zb: Words, zc: Words, t1: Words, t2: Words, t3: Words,
) -> None:  # fmt: skip
    """Compute t = x_g·y_h + x_h·y_g - m for each row; z = x·y, plus m on g and t on h of each row, plus e."""
    for i in range(za.size):
        t1[i] = xa[i] * yb[i] + xb[i] * ya[i] - m1[i]
        t2[i] = xb[i] * yc[i] + xc[i] * yb[i] - m2[i]
        t3[i] = xa[i] * yc[i] + xc[i] * ya[i] - m3[i]
        on_a, on_c = (t3[i], m3[i]) if cyclic else (m3[i], t3[i])
        za[i] = xa[i] * ya[i] + m1[i] + on_a
        zb[i] = xb[i] * yb[i] + t1[i] + m2[i] + eb[i]
        zc[i] = xc[i] * yc[i] + t2[i] + on_c + ec[i]


@_kernel(*_JOINT)
def joint_and(
    xa: Words, xb: Words, xc: Words, ya: Words, yb: Words, yc: Words,
    m1: Words, m2: Words, m3: Words, eb: Words, ec: Words, cyclic: bool,
    za: Words, zb: Words, zc: Words, t1: Words, t2: Words, t3: Words,
) -> None:  # fmt: skip
    """Compute `joint_product` with & for · and ^ for +."""
    for i in range(za.size):
        t1[i] = (xa[i] & yb[i]) ^ (xb[i] & ya[i]) ^ m1[i]
        t2[i] = (xb[i] & yc[i]) ^ (xc[i] & yb[i]) ^ m2[i]
        t3[i] = (xa[i] & yc[i]) ^ (xc[i] & ya[i]) ^ m3[i]
        on_a, on_c = (t3[i], m3[i]) if cyclic else (m3[i], t3[i])
        za[i] = (xa[i] & ya[i]) ^ m1[i] ^ on_a
        zb[i] = (xb[i] & yb[i]) ^ t1[i] ^ m2[i] ^ eb[i]
        zc[i] = (xc[i] & yc[i]) ^ t2[i] ^ on_c ^ ec[i]


# --- truncation of two halves -----------------------------------------------------------------------------------
# `raised` makes the value positive; with it, a and b are the top bits of the halves.


@_lane_kernel(_IN, _LANES_IN, _LANES_IN, _LANES_IN, types.uint64, types.uint64, _IN, _LANES_OUT, _OUT)
def truncate_left(
    left: Words, top: Lanes, first: Lanes, second: Lanes, frac: int, raised: int, z0: Words, told: Lanes, z1: Words
) -> None:
    """Compute told = a - top; z1 = (left >> frac) - z0 - (first + second)·2^(64 - frac)."""
    for i in range(left.size):
        half = left[i] + raised
        told[i] = (half >> U64(63)) - top[i]
        z1[i] = (half >> frac) - z0[i] - ((U64(first[i]) + U64(second[i])) << (U64(64) - frac))


@_lane_kernel(_IN, _LANES_IN, _LANES_IN, _LANES_OUT)
def unless_top(right: Words, top: Lanes, mask: Lanes, told: Lanes) -> None:
    """Compute told = (1 - b)·top - mask."""
    for i in range(right.size):
        told[i] = (U64(1) - (right[i] >> U64(63))) * U64(top[i]) - U64(mask[i])


@_lane_kernel(_IN, _LANES_IN, _LANES_IN, types.uint64, types.uint64, _OUT)
def truncate_right(right: Words, told: Lanes, came: Lanes, frac: int, raised: int, z2: Words) -> None:
    """Compute z2 = (right >> frac) - (raised >> frac) - (b + told + came)·2^(64 - frac)."""
    for i in range(right.size):
        carried = (right[i] >> U64(63)) + U64(told[i]) + U64(came[i])
        z2[i] = (right[i] >> frac) - (raised >> frac) - (carried << (U64(64) - frac))


@_lane_kernel(_IN, _LANES_IN, types.uint64, _OUT)
def subtract_carried(x: Words, carried: Lanes, frac: int, z: Words) -> None:
    """Compute z = x - carried·2^(64 - frac)."""
    for i in range(x.size):
        z[i] = x[i] - (U64(carried[i]) << (U64(64) - frac))


# --- linear combinations ----------------------------------------------------------------------------------------


@_kernel(_IN, types.uint64, _OUT)
def add_multiple(x: Words, factor: int, z: Words) -> None:
    """Add factor·x to z."""
    for i in range(z.size):
        z[i] += factor * x[i]


# --- contractions -----------------------------------------------------------------------------------------------


@_kernel(_IN2, _IN2, _OUT)
def add_dot(x: Words, y: Words, z: Words) -> None:
    """Add the sum over k of x[i, k]·y[i, k] to z[i]."""
    for i in range(z.size):
        total = U64(0)
        for k in range(x.shape[1]):
            total += x[i, k] * y[i, k]
        z[i] += total


@_kernel(_IN2, _IN2, _OUT2)
def add_matmul(xt: Words, y: Words, z: Words) -> None:
    """Add xt.T @ y to z, for xt (k, a) and y (k, b), in blocks of z that stay in the cache."""
    block = max(1, 32768 // max(1, z.shape[1]))
    for first in range(0, z.shape[0], block):
        last = min(first + block, z.shape[0])
        for k in range(xt.shape[0]):
            for i in range(first, last):
                factor = xt[k, i]
                for j in range(z.shape[1]):
                    z[i, j] += factor * y[k, j]


@_helper
def _turn(x: Words, out: Words) -> None:
    """Transpose x into out."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            out[i, k] = x[k, i]


@_helper
def _sum(x: Words, y: Words, out: Words) -> None:
    """Compute out = x + y."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = x[i, k] + y[i, k]


@_helper
def _add_block(x: Words, y: Words, z: Words) -> None:
    """Add x @ y.T to z, for rows of one block: sums stay in registers, two rows of x against two of y at a time."""
    for i in range(0, z.shape[0], 2):
        for j in range(0, z.shape[1], 2):
            more_i, more_j = i + 1 < z.shape[0], j + 1 < z.shape[1]
            i1, j1 = i + more_i, j + more_j
            z00, z01, z10, z11 = U64(0), U64(0), U64(0), U64(0)
            for k in range(x.shape[1]):
                z00 += x[i, k] * y[j, k]
                z01 += x[i, k] * y[j1, k]
                z10 += x[i1, k] * y[j, k]
                z11 += x[i1, k] * y[j1, k]
            z[i, j] += z00
            if more_j:
                z[i, j1] += z01
            if more_i:
                z[i1, j] += z10
            if more_i and more_j:
                z[i1, j1] += z11


_CHOSEN = types.Array(types.int64, 3, "C")
_OUT3 = types.Array(types.uint64, 3, "C")


@_kernel(*[_IN2] * 6, _CHOSEN, _OUT3)
def add_inner_products(
    x0: Words, x1: Words, x2: Words, y0: Words, y1: Words, y2: Words, chosen: Words, z: Words
) -> None:
    """Add the inner products of chosen sums of columns to z, for few results.

    For every p, z[p] += (x_i + x_j).T @ (y_k + y_l) where chosen[p] is ((i, j), (k, l)). Of (i, -1) there is x_i alone.
    Every x is (k, a) and every y (k, b). Columns of a block are laid in a row, so that sums run along memory.
    """
    xt, y = (x0, x1, x2), (y0, y1, y2)
    rows, block = x0.shape[0], 256
    used = np.zeros((2, 4), np.bool_)
    for p in range(z.shape[0]):
        for side in range(2):
            for place in range(2):
                used[side, chosen[p, side, place]] = True
    xs, ys = np.empty((4, z.shape[1], block), U64), np.empty((4, z.shape[2], block), U64)
    for first in range(0, rows, block):
        count = min(block, rows - first)
        if count < block:
            xs, ys = np.empty((4, z.shape[1], count), U64), np.empty((4, z.shape[2], count), U64)
        for part in range(3):
            if used[0, part]:
                _turn(xt[part][first : first + count], xs[part])
            if used[1, part]:
                _turn(y[part][first : first + count], ys[part])
        for p in range(z.shape[0]):
            x_of_p, y_of_p = chosen[p, 0, 0], chosen[p, 1, 0]
            if chosen[p, 0, 1] >= 0:
                _sum(xs[x_of_p], xs[chosen[p, 0, 1]], xs[3])
                x_of_p = 3
            if chosen[p, 1, 1] >= 0:
                _sum(ys[y_of_p], ys[chosen[p, 1, 1]], ys[3])
                y_of_p = 3
            _add_block(xs[x_of_p], ys[y_of_p], z[p])


@_kernel(*[_IN2] * 3, _OUT3, _CHOSEN, _OUT3)
def add_row_products(x0: Words, x1: Words, x2: Words, y: Words, chosen: Words, z: Words) -> None:
    """Add products as `add_inner_products` does, for short rows and sums of y that are made.

    Every x is (a, k), y is (p, b, k).
    """
    x = (x0, x1, x2)
    for p in range(z.shape[0]):
        one, other, several = x[chosen[p, 0, 0]], x[max(0, chosen[p, 0, 1])], chosen[p, 0, 1] >= 0
        for i in range(z.shape[1]):
            for j in range(z.shape[2]):
                total = U64(0)
                if several:
                    for k in range(y.shape[2]):
                        total += (one[i, k] + other[i, k]) * y[p, j, k]
                else:
                    for k in range(y.shape[2]):
                        total += one[i, k] * y[p, j, k]
                z[p, i, j] += total


# --- bit slices -------------------------------------------------------------------------------------------------


@_kernel(_IN, _OUT2)
def bit_slices(words: Words, out: Words) -> None:
    """Set out[k] to bit k of every word, packed 64 rows to a word; the tail of the last word is zero.

    A 64 by 64 bit transpose for every 64 words, by swapping ever smaller blocks (Hacker's Delight, 7-3).
    """
    block = np.empty(64, U64)
    for w in range(out.shape[1]):
        rows = min(64, words.size - 64 * w)
        for i in range(rows):
            block[i] = words[64 * w + i]
        for i in range(rows, 64):
            block[i] = U64(0)
        width, mask = 32, U64(0xFFFFFFFF)
        while width:
            shift = U64(width)
            for start in range(0, 64, 2 * width):
                for i in range(start, start + width):
                    swap = ((block[i] >> shift) ^ block[i + width]) & mask
                    block[i] ^= swap << shift
                    block[i + width] ^= swap
            width >>= 1
            mask ^= mask << U64(width)
        for k in range(64):
            out[k, w] = block[k]
