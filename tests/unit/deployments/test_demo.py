"""What the demo cannot be run with is refused before anything of it starts."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from counterfoil.errors import DocumentError, RefusedError
from counterfoil.terminal import can_answer
from counterfoil_prefect.deployments.demo import check_wishes, run


@pytest.mark.parametrize("rows", [-1, 0, 400, 999, 200_001])
def test_tables_that_the_contract_does_not_allow_are_refused_with_those_that_it_does(rows: int, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=rf"--rows {rows}: .* allows a bank 1000 to 200000 rows"):
        run(tmp_path / "demo", rows, canaries=False, ask=False, keep=False)
    assert not list(tmp_path.iterdir())


def test_what_it_says_is_allowed_is() -> None:
    for rows in (1_000, 200_000):
        check_wishes(rows, ask=False)


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(RefusedError, match="nobody can answer here"):
            run(tmp_path / "demo", 1_000, canaries=False, ask=True, keep=False)
    assert not can_answer(), "it is closed"
    monkeypatch.setattr(sys, "stdin", io.StringIO("y"))
    assert not can_answer(), "it is no file"
    assert not list(tmp_path.iterdir())


def test_answers_can_be_piped_or_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("y\ny\ny\n")
    reading, writing = os.pipe()
    main, terminal = os.openpty()
    with (tmp_path / "answers").open() as file, os.fdopen(reading) as pipe, os.fdopen(terminal) as screen:
        for answers in (file, pipe, screen):
            monkeypatch.setattr(sys, "stdin", answers)
            check_wishes(1_000, ask=True)
    os.close(writing)
    os.close(main)
