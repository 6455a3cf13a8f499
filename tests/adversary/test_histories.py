"""A year of releases tells a recipient nothing about a few others, whatever it puts together, and moves of its own.

Tables of 600 rows, agreements that overlap, random margins, cuts, correlations and means of flags; an owner that
leaves; a recipient that is an owner. What the recipient could work out is judged by who is really in the tables.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.disclosure.attack.knowledge import Knowledge
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.terminal import say
from tests.lib.histories import Consortium, history
from tests.lib.support import Leak, leaks
from tests.lib.trials import dice, trials

STRICT = Rules(safe_other_rows=10)


def found(banks: Consortium, seed: int, rules: Rules | None = None) -> tuple[list[Leak], int]:
    """What gives somebody away in the year of this seed, and how many releases there were."""
    made = history(banks, seed)
    every = [
        leak
        for name, releases in made.releases.items()
        for leak in leaks(Knowledge(releases), made.worlds[name], dice(seed, 12), rules)
    ]
    return every, sum(map(len, made.releases.values()))


@pytest.mark.slow
@pytest.mark.timeout(1_200)  # 1.6 to 35 s of one core each
@trials(20, 1000)
def test_no_history_gives_away_a_few(trials: range, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    banks, released = Consortium.made(tmp_path), 0
    for seed in trials:
        leaked, releases = found(banks, seed)
        assert not leaked, f"SEED={seed}: {leaked[0]} and {len(leaked) - 1} more"
        released += releases
    assert released > 10 * len(trials)  # or else nothing leaks because nothing leaves
    most = 1 - 0.05 ** (1 / len(trials))
    with capsys.disabled():
        say(f"0 of {len(trials)} histories, {released} releases, gave somebody away: below {most:.1%} at 95 %")


@pytest.mark.slow
def test_what_no_rule_prevents_is_found(tmp_path: Path) -> None:
    banks = Consortium.made(tmp_path, {name: off for name, off in OFF.items() if isinstance(off, bool | int)})
    ways = {leak.way for seed in range(2) for leak in found(banks, seed, STRICT)[0]}
    assert len(ways) > 2, ways
