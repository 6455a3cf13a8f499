"""What passes between a step and Prefect: public values in, public values out, and no word of anybody else's."""

import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterfoil.canonical import Ref
from counterfoil.errors import InternalError, OutOfBoundsError, RefusedError
from counterfoil_prefect.mpc_tasks.barrier import OnlyOurs
from counterfoil_prefect.mpc_tasks.task import mpc_task

REF = Ref("table", "bank-a", "0" * 64)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERFOIL_HOME", str(tmp_path))
    return tmp_path


@mpc_task(name="echo", version=3, of="plan")
def echo(thing: object, plan: str = "total") -> object:
    return thing


@mpc_task(name="leak", version=1)
def leak(reference: Ref) -> object:
    return pd.DataFrame({"balance": [4711]})


@mpc_task(name="stumble", version=1)
def stumble(reference: Ref) -> Ref:
    raise KeyError("customer 4711")


@mpc_task(name="refuse", version=1)
def refuse(reference: Ref) -> Ref:
    raise OutOfBoundsError("loans.csv: balance: 3 rows above the maximum")


def test_a_task_keeps_nothing() -> None:
    assert (echo.persist_result, echo.retries, echo.cache_policy.compute_key(None, {}, {})) == (False, 0, None)
    assert (echo.name, echo.version, echo.task_run_name) == ("echo", "3", "echo {plan} v3")


@pytest.mark.parametrize("value", [REF, "bank-a", 3, None, (REF, "bank-a", (1, 2))])
def test_public_values_pass(value: object) -> None:
    assert echo.fn(value) == value


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"balance": [4711]}),
        np.array([4711], dtype=np.uint64),
        np.uint64(4711),
        b"4711",
        "Customer 4711",
        4711.5,
        math.nan,
        True,
        2**60,
        [REF],
        {"a": REF},
        (REF, b"4711"),
        object(),
    ],
)
def test_all_else_stays(value: object) -> None:
    with pytest.raises(RefusedError, match="'thing' of echo is a") as refusal:
        echo.fn(value)
    assert "4711" not in str(refusal.value)


def test_a_table_does_not_come_back() -> None:
    with pytest.raises(RefusedError, match="the result of leak is a DataFrame"):
        leak.fn(REF)


def test_our_own_words_pass() -> None:
    with pytest.raises(OutOfBoundsError, match="3 rows above the maximum"):
        refuse.fn(REF)


def test_others_words_stay_in_the_partys_own_file(home: Path) -> None:
    with pytest.raises(InternalError) as error:
        stumble.fn(REF)
    assert "4711" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    number = str(error.value).split()[1].rstrip(";")
    kept = (home / "errors.log").read_text()
    assert number in kept
    assert "customer 4711" in kept
    assert (home / "errors.log").stat().st_mode & 0o077 == 0


def test_only_our_lines_go_to_the_server() -> None:
    record = logging.LogRecord("prefect.flow_runs", logging.ERROR, __file__, 1, "balance 4711", None, None)
    assert not OnlyOurs().filter(record)
    record.counterfoil = True
    assert OnlyOurs().filter(record)
