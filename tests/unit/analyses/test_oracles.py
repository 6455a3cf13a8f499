"""Statistics against other libraries, before rounding: random and adversarial rows, on every suite (ORACLES)."""

from __future__ import annotations

import pytest

from counterfoil.analyses.base import Result
from tests.lib.trials import dice
from tests.unit.analyses.oracles import BLURRED, DATA, ORACLES, PAGE, TOLERANCE, answer, errors, page


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", ORACLES)
def test_is_what_another_library_says(name: str, data: str) -> None:
    frames = DATA[data](dice(7))
    found = errors(ORACLES[name], answer(ORACLES[name], frames), frames)
    assert found
    assert data == BLURRED or max(found.values()) <= TOLERANCE, found


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
@pytest.mark.parametrize("name", ORACLES)
def test_is_the_same_on_every_suite(name: str, suite: str) -> None:
    frames = DATA["random"](dice(7))
    one, other = answer(ORACLES[name], frames), answer(ORACLES[name], frames, suite)
    assert _numbers(one) == _numbers(other)


def test_the_page_says_what_was_seen() -> None:
    assert PAGE.read_text("utf-8").endswith("\n".join(page()) + "\n"), "python -m tests.unit.analyses.oracles"


def _numbers(result: Result) -> list[str]:
    return [table.frame.to_json() for table in result.tables] + list(result.findings)
