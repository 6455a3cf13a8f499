"""For all tests: a slow machine is no failure, and a failure says how to see it again."""

from __future__ import annotations

import gc
import hashlib
import os
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from counterfoil.proxies import spare_loopback
from counterfoil.storage import state
from tests.lib.clock import at
from tests.lib.trials import FIRST

if TYPE_CHECKING:
    from tests.lib.chance import Chance

spare_loopback()  # what a test asks listens on this machine


def _sync_nothing(handle: int) -> None:
    """Wait for no disk, since no test's machine loses power; a handle that is none is an error still."""
    os.fstat(handle)


os.fsync = _sync_nothing
state.DURABLE = "OFF"

settings.register_profile("counterfoil", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("counterfoil")


FIRST_OF_ALL = ("tests/system/test_operations.py", "tests/system/", "tests/unit/roles/")
"""Files and folders that take longest, and mostly wait: begun first, they are waited for by no idle core at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order what takes longest first."""

    def rank(item: pytest.Item) -> int:
        name = name_of(item)
        return next((at for at, start in enumerate(FIRST_OF_ALL) if name.startswith(start)), len(FIRST_OF_ALL))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over what all tests share, some million objects, from here on."""
    gc.collect()
    gc.freeze()


def name_of(item: pytest.Item) -> str:
    """The test of which this is a run."""
    return f"{item.path.relative_to(item.config.rootpath).as_posix()}::{getattr(item, 'originalname', item.name)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests that stay in this process be run as if it were another day, to see which will fail by then."""
    parser.addoption(
        "--clock", type=date.fromisoformat, metavar="DAY", help="run as if it were this day, like 2031-05-06"
    )


@pytest.fixture(scope="session", autouse=True)
def _clock_of_the_session(request: pytest.FixtureRequest) -> Iterator[None]:
    day = request.config.getoption("--clock")
    with at(datetime.combine(day, time(12), UTC)) if day else nullcontext():
        yield


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Iterator[Chance]:
    """What a test of samples draws by, and judges by: see `tests.lib.chance`."""
    from tests.lib.chance import Chance, share  # scipy takes a second to import

    name = name_of(request.node)
    stash = request.session.stash
    if RUNS not in stash:
        stash[RUNS] = Counter(map(name_of, request.session.items))
    runs = stash[RUNS][name]
    seed = hashlib.sha256(f"{FIRST} {request.node.nodeid}".encode()).digest()
    judged = Chance(request.node.nodeid, share(name, runs), seed)
    yield judged
    assert judged.decided or request.node.stash.get(FAILED, False), "a random test asks for one verdict"


FAILED = pytest.StashKey[bool]()
RUNS = pytest.StashKey[Counter[str]]()
"""How often each test is run."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = not report.passed
    return report
