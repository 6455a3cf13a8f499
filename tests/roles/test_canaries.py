"""One customer of each bank, followed through a whole job: its number and balance lie in its own bank's home alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from counterfoil.audit.publish import publish
from counterfoil.roles.owner import table_file
from counterfoil.roles.recipient import open_job
from synthetic_data.loans import Canary, canary
from tests.consortium import NODES, OWNERS, Consortium, found
from tests.roles.evidence import files

pytestmark = pytest.mark.slow

ROWS = 1100


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """A consortium after a whole job: everything is contributed, drafted, approved, released, opened and published."""
    banks = found(tmp_path_factory.mktemp("leaks"), ROWS, canaries=True)
    for owner in OWNERS:  # pages of a Parquet file are compressed; a search would miss what lies in them
        for path in banks.homes[owner].data.glob("*.parquet"):
            pq.write_table(pq.read_table(path), path, compression="none", use_dictionary=False)
    submissions = [banks.contribute(owner) for owner in OWNERS]
    evidence = banks.analyse(submissions)[0].digest
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    for recipient in ("regulator", "bank-a"):
        open_job(banks.homes[recipient], banks.signed(recipient), evidence)
    for home in banks.homes.values():
        home.log.append("job-ended", refs={"evidence": evidence})
        publish(home.log, home.exchange)
    return banks


def forms(planted: Canary) -> dict[str, bytes]:
    """The canary as bytes, in every form in which it could lie somewhere."""
    balance = planted.balance
    texts = {
        "customer id": planted.customer_id,
        "balance": f"{balance}",
        "balance with commas": f"{balance:,}",
        "balance in euros": f"{balance / 100:.2f}",
        "balance in euros with commas": f"{balance / 100:,.2f}",
    }
    return {
        **{name: text.encode() for name, text in texts.items()},
        "customer id, UTF-16": planted.customer_id.encode("utf-16-le"),
        "balance, int64": struct.pack("<q", balance),
        "balance, int64, big-endian": struct.pack(">q", balance),
        "balance, float64": struct.pack("<d", balance),
        "balance in euros, float64": struct.pack("<d", balance / 100),
    }


def seen(planted: Canary, *folders: Path) -> Mapping[Path, list[str]]:
    """The files below the folders that hold the canary, and in which forms."""
    needles = forms(planted)
    hits = {}
    for path in files(*folders):
        data = path.read_bytes() + str(path).encode()
        if found := [name for name, needle in needles.items() if needle in data]:
            hits[path] = found
    return hits


def planted(banks: Consortium) -> dict[str, Canary]:
    contract = banks.agreement.contracts["loans"]
    return {owner: canary(number, contract) for number, owner in enumerate(OWNERS)}


def test_a_canary_is_seen_by_this_search_in_its_owners_table(finished: Consortium) -> None:
    for owner, bird in planted(finished).items():
        home = finished.homes[owner]
        table = table_file(home, "loans")
        found = seen(bird, home.path)
        assert set(found) == {table}  # and nowhere else in its home either
        assert found[table][0] == "customer id"
        assert found[table][1] == ("balance" if table.suffix == ".csv" else "balance, int64")


def test_a_canary_is_seen_nowhere_outside_its_owners_home(finished: Consortium) -> None:
    assert len(files(finished.folder / "exchange")) > 100
    for owner, bird in planted(finished).items():
        others = [home.path for party, home in finished.homes.items() if party != owner]
        assert not seen(bird, finished.folder / "exchange", *others)


@pytest.mark.parametrize("party", [*NODES, "regulator", "reviewer-1", "coordinator", "bank-b"])
def test_a_canary_that_were_written_down_would_be_seen(party: str, finished: Consortium) -> None:
    """The search reaches every folder: whatever form is put into one is found there."""
    bird = planted(finished)["bank-a"]
    for name, needle in forms(bird).items():
        path = finished.homes[party].path / "log" / "planted"
        path.write_bytes(b"\0" * 1000 + needle + b"\xff")
        try:
            assert name in seen(bird, finished.homes[party].path)[path]
        finally:
            path.unlink()
