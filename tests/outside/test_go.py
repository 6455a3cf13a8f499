"""Logs, tiles, cosignatures and proofs as Go's own checksum database reads them: code that is not ours, in any part.

Needs Go: `sh deployments/debian-packages.sh outside` installs it. `make outside` runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.audit.publish import publish
from counterfoil.audit.witness import prove_witnessed, witness
from counterfoil.home import Home

pytestmark = [pytest.mark.soak, pytest.mark.outside]

PARTIES = ("node-0", "node-1", "node-2")
GO_SOURCES = Path("/usr/share/gocode")
ENTRIES = 600  # two full tiles and a partial one


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[int, str]]:
    """Runs the Go program on a folder: its exit code, and what it said."""
    go = shutil.which("go")
    assert go and (GO_SOURCES / "src" / "golang.org" / "x" / "mod").is_dir(), (
        "run deployments/debian-packages.sh outside first"
    )
    folder = tmp_path_factory.mktemp("go")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOCACHE": str(folder / "cache")}
    source = Path(__file__).with_name("check.go")
    subprocess.run([go, "build", "-o", folder / "check", source], env=environment, check=True)

    def run(world: Path) -> tuple[int, str]:
        done = subprocess.run([folder / "check", world], check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parties' logs, cosigned at several sizes, one of them of several tiles; and proofs of some entries."""
    folder = tmp_path_factory.mktemp("world")
    homes = {party: Home.create(folder / "homes" / party, party, str(folder / "exchange")) for party in PARTIES}
    owner, others = homes["node-0"], [homes[party] for party in PARTIES[1:]]
    for count in (1, 254, 1, 1, ENTRIES - 257):
        for _ in range(count):
            owner.log.append("share-received", subject="job-1", counts={"rows": owner.log.size})
        for home in homes.values():
            publish(home.log, home.exchange)
        for by in others:
            witness(owner.keys.public, by.keys, by.state, by.exchange)
    shown = folder / "shown"
    shutil.copytree(folder / "exchange" / "log", shown / "log")
    keys = [f"counterfoil/{party} {home.keys.public.sign.hex()}\n" for party, home in homes.items()]
    (shown / "keys").write_text("".join(keys))
    (shown / "proofs").mkdir()
    for index in (0, 1, 255, 256, 511, ENTRIES - 1):
        (proof,) = prove_witnessed(owner.log, index, [by.keys.public for by in others], owner.exchange)[:1]
        (shown / "proofs" / f"{index}.tlog-proof").write_text(proof.pack())
        (shown / "proofs" / f"{index}.entry").write_bytes(owner.log.entries()[index])
    return shown


def test_go_reads_all_that_we_wrote(check: Callable[[Path], tuple[int, str]], world: Path) -> None:
    code, said = check(world)
    assert code == 0, said
    assert f"log of node-0: {ENTRIES} entries, 15 notes, 2 cosigners" in said
    assert "log of node-1: 0 entries" in said
    assert said.count("proof: entry") == 6
    assert f"entry {ENTRIES - 1} of the log of node-0, cosigned by counterfoil/node-1, counterfoil/node-2" in said


CHANGED = (
    "log/node-0/checkpoint", "log/node-0/tile/entries/000", "log/node-0/tile/entries/001",
    "log/node-0/tile/entries/002.p/88", "log/node-0/tile/0/000", "log/node-0/tile/0/002.p/88",
    "log/node-0/tile/1/000.p/2", "proofs/255.entry", "proofs/256.tlog-proof",
)  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_go_refuses_what_was_changed(
    name: str, check: Callable[[Path], tuple[int, str]], world: Path, tmp_path: Path
) -> None:
    shutil.copytree(world, tmp_path / "changed")
    path = tmp_path / "changed" / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 1
    path.write_bytes(raw)
    code, said = check(tmp_path / "changed")
    assert code == 1, said
    assert "node-0" in said or "tlog-proof" in said
