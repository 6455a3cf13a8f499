"""What is said when something is over: what this machine takes the time to be, and what other clocks say."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from counterfoil.clock import beside, reckoned
from counterfoil.errors import CounterfoilError, ExpiredError, RefusedError, ReviewDueError
from counterfoil.governance.agreements.signing.endings import endings
from counterfoil.governance.agreements.signing.in_force import RUN, load
from counterfoil.governance.agreements.signing.reaffirmation import WARN_DAYS, check_reviewed
from counterfoil.governance.parties.enrolment import invite, read_request
from counterfoil.governance.parties.roster import Earlier
from counterfoil_prefect.mpc_tasks import remind
from counterfoil_prefect.mpc_tasks.barrier import barrier
from tests.system.test_hostile_pages import rendered
from tests.unit.conftest import NOW, TODAY, Consortium

FAR = date(2031, 5, 6)
SAID = r"; this machine takes it to be {} \(UTC\): if it is not, set its clock first"


def test_every_end_says_what_this_machine_takes_the_day_to_be(shared: Consortium) -> None:
    terms = shared.agreement
    (contract,) = terms.contracts.values()
    ends: list[tuple[type[CounterfoilError], Callable[[], object]]] = [
        (ExpiredError, lambda: terms.roster.check_current(FAR)),
        (ExpiredError, lambda: replace(terms, contracts={}).check_current(FAR)),
        (ExpiredError, lambda: contract.check_current(FAR)),
        (ReviewDueError, lambda: check_reviewed(terms, shared.exchange, FAR)),
        (RefusedError, lambda: terms.schedule.check_period("2031-w30", terms.starts, FAR)),
    ]
    for error, end in ends:
        with pytest.raises(error, match=SAID.format(FAR)):
            end()
    invite("bank-e", shared.homes["bank-a"], NOW)
    with pytest.raises(ExpiredError, match=SAID.format("2026-12-23 06:00")):
        read_request("bank-e", shared.homes["bank-a"], NOW + timedelta(days=30))


def test_a_clock_that_is_behind_is_held_against_the_exchange(shared: Consortium) -> None:
    home = shared.homes["bank-a"]
    with pytest.raises(ExpiredError, match=r"by what was last written in the exchange it is 20\d\d-.* days ahead of"):
        load(home, shared.ref, for_=RUN, today=date(2026, 1, 2))
    with pytest.raises(ExpiredError) as ahead:
        load(home, shared.ref, for_=RUN, today=FAR)
    assert "exchange it is" not in str(ahead.value)


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (timedelta(minutes=9), ""),
        (timedelta(minutes=11), "11 minutes ahead of"),
        (-timedelta(hours=5), "5 hours behind"),
        (timedelta(days=1, hours=2), "1 day ahead of"),
        (-timedelta(days=400), "400 days behind"),
    ],
)
def test_clocks_are_compared(apart: timedelta, words: str) -> None:
    said = beside("the clock of the Prefect server", NOW + apart, NOW)
    assert words in said and bool(said) == bool(words)
    assert re.fullmatch(SAID.format("2026-11-23 06:00"), reckoned(NOW))


@contextmanager
def server_at(moment: datetime) -> Iterator[str]:
    """A server whose clock says so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", format_datetime(moment, usegmt=True))
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


def test_a_step_holds_the_clock_against_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_HOME", str(tmp_path))

    def raised() -> None:
        with barrier(), barrier():  # a step within a stage
            raise ExpiredError("it ended")

    def told(moment: datetime) -> str:
        with server_at(moment) as url, temporary_settings({PREFECT_API_URL: url}), pytest.raises(ExpiredError) as end:
            raised()
        return str(end.value)

    now = datetime.now(UTC)
    assert told(now) == "it ended"
    assert told(now - timedelta(days=3, hours=1)).count("by the clock of the Prefect server it is") == 1
    assert "3 days behind this machine's clock" in told(now - timedelta(days=3, hours=1))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(ExpiredError) as alone:
        raised()
    assert str(alone.value) == "it ended"
    assert not list(tmp_path.iterdir())


# --- what ends soon ---------------------------------------------------------------------------------------------


def test_what_ends_within_a_month_is_announced_with_the_command(shared: Consortium) -> None:
    terms = shared.agreement
    roster = terms.roster
    assert endings(terms, roster, roster.expires - timedelta(days=WARN_DAYS + 1)) == []
    (soon,) = endings(terms, roster, roster.expires - timedelta(days=WARN_DAYS))
    assert soon.words(roster.expires - timedelta(days=WARN_DAYS)) == (
        f"roster four-banks 1 ends in 30 days, on {roster.expires}; any party writes its next version, 7 or more of "
        "its 12 sign it: counterfoil roster revise ROSTER --out NEXT, then counterfoil roster sign ROSTER NEXT"
    )
    assert "ends today" in soon.words(roster.expires) and "ended 2 days ago" in soon.words(
        roster.expires + timedelta(days=2)
    )


def test_agreements_contracts_certificates_and_earlier_keys_are(shared: Consortium) -> None:
    terms = shared.agreement
    renewed = shared.homes["regulator"].keys.public
    parties = tuple(
        replace(party, keys=renewed, earlier=(Earlier(party.keys, TODAY + timedelta(days=5)),))
        if party.id == "bank-b"
        else party
        for party in terms.roster.parties
    )
    roster = replace(terms.roster, parties=parties, version=2, expires=FAR)
    (keys,) = endings(terms, roster, TODAY)
    assert keys.what == "what bank-b signed with its earlier keys" and keys.last == TODAY + timedelta(days=5)
    last = max(terms.expires, *(each.expires for each in terms.contracts.values()))
    found = {each.what: each for each in endings(terms, roster, last)}
    assert {"agreement exposure 1.0.0", "contract loans 1.0.0", "the certificate of node-1"} <= set(found)
    assert "--renewed node-1" in found["the certificate of node-1"].command
    assert "bank-a, bank-b, bank-c, bank-d write" in found["contract loans 1.0.0"].who
    lasts = [each.last for each in endings(terms, roster, last)]
    assert lasts == sorted(lasts)


def test_the_page_says_who_must_act(shared: Consortium) -> None:
    terms = shared.agreement
    today = terms.roster.expires - timedelta(days=3)
    found = endings(terms, terms.roster, today)
    page = remind.describe_endings(terms, found, today)
    html = rendered(page)
    assert html.count("<td>") == 5 * len(found) and "<td>3</td>" in html
    assert f"It is {today} now" in page and "counterfoil roster revise ROSTER --out NEXT" in html
