"""Draw random texts that a regular expression matches. Knows patterns, and nothing of tables.

It walks the tree that Python's own parser makes, so that what is drawn and what is checked read a pattern alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.data.patterns import written_by
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.pattern import CLASSES, PatternError

Texts: TypeAlias = NDArray[np.object_]

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
MORE = 8  # how often something without an upper limit is repeated beyond its lower one


class Spelling:
    """A source of random texts of printable ASCII that the pattern describes as a whole.

    Raises: ContractError for a pattern with look-around or back-references.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tree = _parser.parse(pattern)

    def draw(self, rng: np.random.Generator, count: int) -> Texts:
        """Draw so many texts. Cost: a few passes over them for each place of the pattern."""
        texts = self._walk(self._tree, rng, count)
        try:
            spelt = pc.all(written_by(self._pattern, pa.array(texts, pa.string()))).as_py()
        except PatternError:
            spelt = False
        if spelt is False:
            raise self._refused()
        return texts

    def _walk(self, tree: Iterable[tuple[Any, Any]], rng: np.random.Generator, count: int) -> Texts:
        texts = np.full(count, "", object)
        for kind, value in tree:
            texts = texts + self._node(kind, value, rng, count)
        return texts

    def _node(self, kind: Any, value: Any, rng: np.random.Generator, count: int) -> Texts:
        texts = np.full(count, "", object)
        if kind is op.LITERAL:
            texts[:] = chr(value)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, inner = value
            times = rng.integers(low, min(high, low + MORE), count, endpoint=True)
            for time in range(times.max(initial=0)):
                more = np.flatnonzero(times > time)
                texts[more] += self._walk(inner, rng, more.size)
        elif kind is op.SUBPATTERN:
            texts = self._walk(value[-1], rng, count)
        elif kind is op.BRANCH:
            branch = rng.integers(len(value[1]), size=count)
            for number, inner in enumerate(value[1]):
                here = np.flatnonzero(branch == number)
                texts[here] = self._walk(inner, rng, here.size)
        elif kind in (op.IN, op.NOT_LITERAL, op.ANY):
            letters = np.array(list(self._letters(kind, value)), object)
            texts = letters[rng.integers(letters.size, size=count)]
        elif kind is not op.AT:
            raise self._refused()
        return texts

    def _letters(self, kind: Any, value: Any) -> str:
        """List the characters that one place may have."""
        if kind is op.ANY:
            return PRINTABLE
        if kind is op.NOT_LITERAL:
            return PRINTABLE.replace(chr(value), "")
        found = set()
        for inner, item in value:
            if inner is op.LITERAL:
                found.add(chr(item))
            elif inner is op.RANGE:
                found.update(map(chr, range(item[0], item[1] + 1)))
            elif inner is op.CATEGORY:
                found.update(re.findall(CLASSES[item], PRINTABLE))
        if value[0][0] is op.NEGATE:
            found = set(PRINTABLE) - found
        if not found:
            raise self._refused()
        return "".join(sorted(found))

    def _refused(self) -> ContractError:
        return ContractError(
            f"no text can be made by the pattern {self._pattern!r}; write it without look-around, "
            "back-references and flags"
        )
