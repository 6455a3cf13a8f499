"""Follows docs/operations.md to the letter, on hosts of its own: python -m tests.system.guide FOLDER, inside `alone`.

A block of the page says in its first line where it is typed (`at=`: hosts, or `every` party's), as whom (`as=party`, or
else root), and what is waited for before (`wait=`). Other blocks are for reading.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from counterfoil.terminal import say
from counterfoil_prefect.deployments.demo import ROLES
from tests.system.hosts import ROOT, Host, Hosts

GUIDE = ROOT / "docs" / "operations.md"
STORE, SERVER, BUCKET = "store", "coordinator", "counterfoil"
STORE_PORT = 9000
ROWS = "2000"
WAIT_S = 300.0
WAITS = {"review": ("review", "PAUSED"), "release": ("review", "COMPLETED")}
"""What a block may wait for: a flow of the coordinator's, and the state that its last run is in."""


@dataclass(frozen=True)
class Block:
    """Something to type."""

    line: int
    at: tuple[str, ...]
    as_party: bool
    wait: str | None
    script: str


def blocks(text: str) -> Iterator[Block]:
    """The blocks of the page that are typed, in its order."""
    for found in re.finditer(r"^```sh (\S[^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        said = dict(word.split("=", 1) for word in found[1].split())
        assert set(said) <= {"at", "as", "wait"}, found[1]
        at = tuple(ROLES) if said["at"] == "every" else tuple(said["at"].split(","))
        line = text.count("\n", 0, found.start()) + 1
        yield Block(line, at, said.get("as") == "party", said.get("wait"), found[2])


class Consortium:
    """The hosts of the page's consortium, with what stands there before anybody types: PostgreSQL and a store."""

    def __init__(self, folder: Path) -> None:
        self.hosts = Hosts(folder, [STORE, *ROLES], {"prefect": SERVER})
        tools = folder / "tools"
        tools.mkdir()
        (tools / "systemctl").write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/system/systemctl.py "$@"\n')
        (tools / "systemctl").chmod(0o755)
        self._path = f"{tools}:{ROOT}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self._make_tables()
        self._start_store()
        self._start_postgres()

    def _make_tables(self) -> None:
        made = self.hosts.post / "tables"
        contract = ROOT / "contracts" / "data" / "loans.odcs.yaml"
        command = [
            sys.executable,
            "-m",
            "counterfoil_prefect.synthetic_data",
            "--contract",
            str(contract),
            "--out",
            str(made),
        ]
        subprocess.run([*command, "--rows", ROWS], check=True, cwd=ROOT)
        for path in (made, *made.iterdir()):
            path.chmod(0o755)

    def _start_store(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(STORE_PORT)]  # noqa: S104
        store = self.hosts.all[STORE]
        # Or else it takes the host's name for a bucket's.
        environment = {**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": f"http://{STORE}.example:{STORE_PORT}"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen(store.enter(*command), env=environment, **quiet)
        url = f"http://127.0.0.1:{STORE_PORT}/{BUCKET}"
        store.run(f"curl --silent --fail --retry 60 --retry-delay 1 --retry-all-errors -X PUT {url}", self._given())

    def _start_postgres(self) -> None:
        server = self.hosts.all[SERVER]
        bin_ = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        server.run(
            f"mkdir -p /run/postgresql /var/lib/pg && chown postgres /run/postgresql /var/lib/pg\n"
            f"runuser -u postgres -- {bin_}/initdb --auth=peer --no-sync --pgdata /var/lib/pg\n"
            f"runuser -u postgres -- {bin_}/pg_ctl --pgdata /var/lib/pg --wait --log /var/lib/pg/log "
            "--options '-k /run/postgresql -c fsync=off' start",
            self._given(),
        )

    def _given(self, party: str = "") -> dict[str, str]:
        """What the page calls by names, for one party."""
        return {
            "PATH": self._path,
            "PARTY": party,
            "STORE_URL": f"http://{STORE}.example:{STORE_PORT}",
            "STORE_WITHOUT_TLS": "true",
            "EXCHANGE": f"s3://{BUCKET}/four-banks",
            "ROLES": " ".join(f"--role {role}" for role in ROLES.get(party, ())),
        }

    def follow(self, block: Block) -> dict[str, str]:
        """Type the block at each of its hosts, two at a time; what each said."""
        if block.wait is not None:
            self._wait(*WAITS[block.wait])

        def type_at(name: str) -> str:
            user = f"counterfoil-{name}" if block.as_party else None
            return self.hosts.all[name].run(block.script, self._given(name), user)

        with ThreadPoolExecutor(2) as pool:
            return dict(zip(block.at, pool.map(type_at, block.at), strict=True))

    def _wait(self, flow: str, state: str) -> None:
        deadline, seen = time.monotonic() + WAIT_S, ""
        while time.monotonic() < deadline:
            runs = ask(self.hosts.all[SERVER], flow, self._given())
            seen = ", ".join(f"{run['name']}: {run['state_type']} {run['state']['message'] or ''}" for run in runs)
            if any(run["state_type"] == state for run in runs):
                return
            time.sleep(1.0)
        raise AssertionError(f"no run of {flow} was {state} within {WAIT_S:.0f} s; there were: {seen or 'none'}")

    def logs(self) -> str:
        """The last that each party's worker and the server said."""
        found = sorted(self.hosts.post.parent.glob("disks/*/var/log/counterfoil-*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in found)


def ask(server: Host, flow: str, given: Mapping[str, str]) -> list[dict[str, object]]:
    """The runs of the flow, as the server knows them."""
    wish = json.dumps({"flows": {"name": {"any_": [flow]}}})
    url = "http://127.0.0.1:4200/api/flow_runs/filter"
    return list(json.loads(server.run(f"curl -sf -H 'content-type: application/json' -d '{wish}' {url}", given)))


def main() -> None:
    """Follow the whole page."""
    begun = time.monotonic()
    folder = Path(sys.argv[1])
    consortium = Consortium(folder)
    for block in blocks(GUIDE.read_text("utf-8")):
        try:
            said = consortium.follow(block)
        except AssertionError as error:
            sys.exit(f"{GUIDE.name}, line {block.line}: {error}\n{consortium.logs()}")
        shown = " | ".join(
            f"{name}: {text.strip().splitlines()[-1][:100]}" for name, text in said.items() if text.strip()
        )
        say(f"{time.monotonic() - begun:6.1f} s  line {block.line}: {shown[:300]}")
    say(f"followed in {time.monotonic() - begun:.0f} s with {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
