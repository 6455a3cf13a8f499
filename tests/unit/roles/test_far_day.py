"""Nothing ends with the examples' days: a whole job, from set-up to its results, on a day years from now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from counterfoil.errors import ExpiredError, ReleaseExpiredError
from counterfoil.roles.recipient.opening import open_job
from tests.lib.clock import at
from tests.lib.consortium import OWNERS, assert_pooled, found
from tests.unit.roles.test_differences import keep

pytestmark = pytest.mark.slow

FAR = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


def test_a_whole_job_runs_in_2031(tmp_path: Path) -> None:
    with at(FAR) as clock:
        banks = found(tmp_path, 1000, edit=keep("total-exposure"))
        assert (banks.period, banks.agreement.expires) == ("2031-w19", date(2032, 5, 6))
        evidence = banks.analyse([banks.contribute(owner) for owner in OWNERS])[0].digest
        banks.review(evidence, ["reviewer-1", "reviewer-2"])
        banks.release(evidence)
        opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.time)
        assert_pooled(banks, opened.results)
        (begun,) = [event for event in map(str, banks.homes["node-0"].log.entries()) if "attempt-begun" in event]
        assert "2031-05-06T12:00:00Z" in begun
        clock.time += timedelta(days=366)
        with pytest.raises((ExpiredError, ReleaseExpiredError)):
            open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.time)
