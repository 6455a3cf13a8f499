"""Find the largest of many secret values in lists, for many lines of lists side by side, of chosen lists alone.

A tournament takes rounds for each doubling; here all pairs are compared at once, and whoever has few before it is at
the top. The order is found once, and serves for any choice of lists after that.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.core.compare import is_zero, less_than
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Words, concat

Index = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest contributions of all owners in each cell, and how many persons of each owner have the largest.

    Shapes: top (depth, cells); at (owners, cells).
    """

    top: Arith
    at: Arith | None = None

    @classmethod
    def side_by_side(cls, peaks: Sequence[Peak]) -> Peak:
        """Put the cells of peaks of one kind side by side."""
        counts = [each.at for each in peaks if each.at is not None]
        return cls(concat([each.top for each in peaks], axis=1), concat(counts, axis=1) if counts else None)

    def parted(self, sizes: Sequence[int]) -> list[Peak]:
        """Undo that, for so many cells of each."""
        ends = np.cumsum([0, *sizes]).tolist()
        return [
            Peak(self.top[:, start:end], None if self.at is None else self.at[:, start:end])
            for start, end in pairwise(ends)
        ]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Lists, largest first, of which some are in one line; and how many persons of each owner have the first of each.

    Shapes: top (depth, lists); at (owners, lists); line (lists,); first and second, pairs of lists, (pairs,).
    """

    top: Arith
    at: Arith | None
    line: Index
    first: Index
    second: Index

    @classmethod
    def of(cls, top: Arith, at: Arith | None, line: Index) -> Ranked:
        """Take the lists with the pairs of those that are in one line."""
        return cls(top, at, line, *pairs(line))

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return int(self.line.max()) + 1

    @property
    def depth(self) -> int:
        """How many contributions are in each list."""
        return len(self.top)

    @property
    def most(self) -> int:
        """How many contributions there are in a line at most."""
        return int(np.bincount(self.line).max()) * self.depth


@dataclass(frozen=True, slots=True)
class Ordered:
    """Bits as numbers: `less[a, b]` whether place a of the first list of a pair is under place b of the second.

    `under` is whether the first place of the second list is under that of the first.

    Shapes: less (depth, depth, pairs); under (pairs,).
    """

    of: Ranked
    less: Arith
    under: Arith


def ordered(p: Protocol, ranked: Sequence[Ranked]) -> list[Ordered]:
    """Compare the lists of all pairs, place by place.

    Cost: 10 rounds; depth^2 + 1 comparisons a pair.
    Reveals: nothing.
    """
    smaller, larger, sizes = [], [], []
    for each in ranked:
        one, other, shape = each.top[:, each.first], each.top[:, each.second], (each.depth, each.depth, each.first.size)
        smaller += [one.reshape(shape[0], 1, shape[2]).broadcast_to(shape).reshape(-1), other[0]]
        larger += [other.reshape(1, shape[1], shape[2]).broadcast_to(shape).reshape(-1), one[0]]
        sizes += [shape[0] * shape[1] * shape[2], shape[2]]
    compared = b2a(p, less_than(p, concat(smaller), concat(larger))) if sum(sizes) else p.constant(np.zeros(0, U64))
    bits = iter(cut(compared, sizes))
    return [Ordered(each, next(bits).reshape(each.depth, each.depth, each.first.size), next(bits)) for each in ranked]


def top_of_lines(p: Protocol, lists: Sequence[Ordered], chosen: Sequence[Arith | None]) -> list[Peak]:
    """Find the largest contributions of all chosen lists of each line, and how many persons have the largest.

    Shapes: each choice (lists,), 1 or 0, or None for all; tops (depth, lines), at (owners, lines).
    Cost: one round; an equality as wide as the contributions of a line are many, and a conversion; one round more.
    Reveals: nothing.
    Source: Knuth, TAOCP 3, section 5.2, comparison counting.
    """
    if not lists:
        return []
    # 1 (one round). How many of the chosen contributions come before each, in order and strictly; zero for others.
    own, products = [], []
    for each, choice in zip(lists, chosen, strict=True):
        one, other = (_all(p, each.of, choice, at) for at in (each.of.first, each.of.second))
        after = p.add_public(-each.less, 1).sum(axis=0)
        products += [(each.less.sum(axis=1), other), (after, one), (each.under, one[0])]
        # strictly: the second of a pair is over the first where place 0 of the first is less than that of the second
        products += [(each.less[0, 0], other[0])]
        own.append(choice)
        if choice is not None:
            products.append((each.of.top, choice.broadcast_to(each.of.top.shape)))
            if each.of.at is not None:
                products.append((each.of.at, choice.broadcast_to(each.of.at.shape)))
    made = iter(multiplied(p, products))
    ranks, tops, counts = [], [], []
    for each, choice in zip(lists, own, strict=True):
        of = each.of
        before_first, before_second, over_second, over_first = (next(made) for _ in range(4))
        many = of.top.shape[1]
        rank = folded_rows(before_first, of.first, many) + folded_rows(before_second, of.second, many)
        places = p.add_public(rank, np.arange(of.depth)[:, np.newaxis])
        strictly = folded(over_first, of.first, many) + folded(over_second, of.second, many)
        ranks += [p.add_public(places, -place).reshape(-1) for place in range(of.depth)]
        ranks.append(strictly if of.at is not None else strictly[:0])
        tops.append(of.top if choice is None else next(made))
        counts.append(of.at if choice is None or of.at is None else next(made))
    # 2. Which one is at each place; which lists begin with the largest.
    width = max(each.of.most + each.of.depth for each in lists).bit_length()
    at_place = iter(cut(b2a(p, is_zero(p, concat(ranks), width)), [rank.size for rank in ranks]))
    # 3 (one round). Those contributions, and those persons.
    products = []
    for top, count in zip(tops, counts, strict=True):
        depth, many = top.shape
        products += [(next(at_place).reshape(depth, many), top) for _ in range(depth)]
        first = next(at_place)
        if count is not None:
            products.append((first.broadcast_to(count.shape), count))
    picked, found = iter(multiplied(p, products)), []
    for each, count in zip(lists, counts, strict=True):
        line, lines, depth = each.of.line, each.of.lines, each.of.depth
        rows = [folded(next(picked).sum(axis=0), line, lines).reshape(1, lines) for _ in range(depth)]
        at = None if count is None else folded_rows(next(picked), line, lines)
        found.append(Peak(concat(rows), at))
    return found


def _all(p: Protocol, of: Ranked, choice: Arith | None, at: Index) -> Arith:
    """Return, for the list at each of these places, whether it is chosen. Shapes: (depth, places)."""
    shape = (of.depth, at.size)
    return p.constant(np.ones(shape, U64)) if choice is None else choice[at].broadcast_to(shape)


def pairs(line: Index) -> tuple[Index, Index]:
    """List all pairs (i, j), i < j, of cells of one line."""
    order = np.argsort(line, kind="stable")
    sizes = np.bincount(line)
    later = np.concatenate([np.arange(size) for size in sizes]) if line.size else line
    j = np.repeat(np.arange(line.size), later)
    i = j - 1 - (np.arange(j.size) - np.repeat(np.cumsum(later) - later, later))
    return np.minimum(order[i], order[j]), np.maximum(order[i], order[j])


def multiplied(p: Protocol, pairs: Sequence[tuple[Arith, Arith]]) -> list[Arith]:
    """Multiply each pair elementwise.

    Shapes: the two of a pair and its product agree.
    Cost: one round.
    Reveals: nothing.
    """
    x, y = (concat([pair[side].reshape(-1) for pair in pairs]) for side in (0, 1))
    made = cut(p.multiply(x, y) if x.size else x, [one.size for one, _ in pairs])
    return [each.reshape(*one.shape) for each, (one, _) in zip(made, pairs, strict=True)]


def folded(x: Arith, index: Index, size: int) -> Arith:
    """Add up the elements with each index. Local."""

    def add(part: Words) -> Words:
        sums = np.zeros(size, U64)
        np.add.at(sums, index, part)
        return sums

    return x.map(add)


def folded_rows(x: Arith, index: Index, size: int) -> Arith:
    """Add up the elements of each row with each index. Local."""

    def add(part: Words) -> Words:
        sums = np.zeros((len(part), size), U64)
        np.add.at(sums.T, index, part.T)
        return sums

    return x.map(add)


def grouped(kinds: Sequence[Hashable]) -> list[list[int]]:
    """List the places of each kind, kinds in the order in which they come first."""
    found: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        found.setdefault(kind, []).append(place)
    return list(found.values())


def ungrouped(groups: Sequence[Sequence[int]], made: Iterable[Iterable[T]]) -> list[T]:
    """Return what was made of each group, of each of its members, in the order before they were grouped."""
    found: dict[int, T] = {}
    for places, results in zip(groups, made, strict=True):
        found |= zip(places, results, strict=True)
    return [found[place] for place in range(len(found))]


def stacked(arrays: Sequence[Arith]) -> Arith:
    """Stack arrays of one shape along a new first axis."""
    return concat([array.reshape(1, *array.shape) for array in arrays])


def cut(x: Arith, sizes: Sequence[int]) -> list[Arith]:
    """Cut a flat array into parts of these sizes."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [x[start:end] for start, end in pairwise(ends)]
