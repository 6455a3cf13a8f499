"""Partners hold shares and nothing else: no method or conversion gives a number for them, but a declared opening."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits
from counterfoil.mpc.session.in_process import run_local
from counterfoil.mpc.session.session import SUITES

OPENINGS = {"open", "open_bits", "open_permutation"}
VALUE = 0x5EC2_E7C0_FFEE


def plain(kind: Any) -> bool:
    """Whether values of the type are, or hold, plain numbers."""
    return kind in (int, float, bool, bytes, np.ndarray) or any(
        plain(part) for part in (getattr(kind, "__origin__", None), *get_args(kind)) if part is not None
    )


def test_only_openings_return_numbers() -> None:
    methods = {name: method for name, method in vars(Protocol).items() if callable(method) and name[0] != "_"}
    assert {name for name, method in methods.items() if plain(get_type_hints(method)["return"])} == OPENINGS


@pytest.mark.parametrize("suite", sorted(SUITES))
@pytest.mark.parametrize("convert", [int, float, complex, operator.index, lambda x: float(np.asarray(x))])
def test_a_share_does_not_become_a_number(suite: str, convert: Callable[[Any], object]) -> None:
    def program(p: Protocol, x: Arith, flags: Bits) -> None:
        for share in (x, flags):
            with pytest.raises(TypeError):
                convert(share)

    run_local(suite, program, inputs=[np.int64(VALUE), np.array([True, False, True])])


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_share_is_not_printed(suite: str) -> None:
    """Not even this party's own components: they end in no log and no message."""

    def program(p: Protocol, x: Arith) -> list[str]:
        numbers = [str(word) for part in x.parts for word in part.ravel()]
        return [form for form in (repr(x), str(x), f"{[x]}") if any(number in form for number in numbers)]

    assert not any(run_local(suite, program, inputs=[np.array([VALUE, -VALUE])]))
