"""The built wheel in environments of its own: the base verifies, extras are asked for by name, all of it runs the demo.

Nothing is downloaded: an environment is the wheel and links to packages of this one, of exactly those that the wheel's
metadata asks for, and what these ask for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from counterfoil.errors import MissingExtraError
from counterfoil.proxies import without_proxies
from tests.lib.agreements import AGREEMENT_FILE, another
from tests.lib.consortium import OWNERS, PARTIES, found

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
MADE = ROOT / "tests" / "corpus" / "v0.1"
EXTRAS = ("sign", "open", "owner", "node", "prefect", "all")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith(("tests/", "docs/", "benchmarks/")) or not (ROOT / name).is_file():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def needed(requirements: list[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in requirements:
        wanted = Requirement(text)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonical(wanted.name), frozenset(wanted.extras)


def closure(requirements: list[str], extras: frozenset[str]) -> dict[str, Distribution]:
    """Everything that an installer would install beside Counterfoil, as this environment has it."""
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    left = list(needed(requirements, extras))
    while left:
        if (item := left.pop()) in done:
            continue
        done.add(item)
        name, inner = item
        if name == "counterfoil":
            left += needed(requirements, inner)
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform
        left += needed(found[name].requires or [], inner)
    return found


class Environment:
    """A virtual environment with the wheel and what its extras ask for."""

    def __init__(self, folder: Path, wheel: Path, *extras: str) -> None:
        self.bin = folder / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        command = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet"]
        subprocess.run(
            [*command, "--no-index", "--no-deps", "--no-compile", str(wheel)], check=True, capture_output=True
        )
        with zipfile.ZipFile(wheel) as packed:
            (metadata,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
            lines = packed.read(metadata).decode().split("\n\n")[0].splitlines()
        requirements = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
        self.packages = closure(requirements, frozenset(extras))
        for each in self.packages.values():
            for file in each.files or ():
                origin = Path(str(each.locate_file(file)))
                top = file.parts[0]
                if top == ".." and file.parts[-2] == "bin" and not (self.bin / file.name).exists():
                    script = origin.read_bytes()
                    if script.startswith(b"#!") and sys.executable.encode() in script.split(b"\n")[0]:
                        (self.bin / file.name).write_bytes(
                            b"#!" + os.fsencode(self.bin / "python") + b"\n" + script.split(b"\n", 1)[1]
                        )
                        (self.bin / file.name).chmod(0o755)
                elif top != ".." and "__pycache__" not in file.parts and origin.exists():
                    target = site / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if not target.exists():
                        target.symlink_to(origin)

    def run(
        self, *words: object, cwd: Path, program: str = "counterfoil", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in without_proxies(os.environ).items()
            if not name.startswith(("PYTHON", "PREF"))
        }
        environment |= {"PATH": f"{self.bin}:{environment['PATH']}", "DO_NOT_TRACK": "1"} | variables
        command = [str(self.bin / program), *map(str, words)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("base") / "env", wheel)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("all") / "env", wheel, "all")


HEAVY = ("prefect", "numba", "pandas", "great_expectations", "fastapi", "sqlalchemy", "scipy", "typst", "pyarrow")


def test_the_base_is_small_and_verifies_a_bundle(base: Environment, tmp_path: Path) -> None:
    script = "import sys, importlib.util as u; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert base.run("-c", script, *HEAVY, "typer", cwd=tmp_path, program="python").stdout == "['typer']\n"
    cards = [word for card in sorted((MADE / "cards").iterdir()) for word in ("--card", card)]
    done = base.run("verify", MADE / "bundle.zip", *cards, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "follows from the papers" in done.stdout


def test_the_base_opens_a_home_and_reads(base: Environment, tmp_path: Path) -> None:
    home = tmp_path / "reviewer"
    party = ("reviewer-1", "--role", "reviewer", "--exchange", tmp_path / "exchange")
    made = base.run("party", "init", *party, "--home", home, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    for words in (("party", "card"), ("log", "check"), ("home", "upgrade")):
        done = base.run(*words, "--home", home, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("sign") / "env", wheel, "sign")


def test_a_signer_needs_neither_tables_nor_kernels(signing: Environment, tmp_path: Path) -> None:
    """It explains, signs and reviews an agreement with all that its analyses ask for, and loads nothing to show one."""
    script = "import sys, importlib.util as u; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert signing.run("-c", script, *HEAVY, "numpy", cwd=tmp_path, program="python").stdout == "['numpy']\n"
    banks = found(tmp_path / "banks", 1010)
    changed = {AGREEMENT_FILE: {"version: 1.0.0": "version: 1.0.1"}}
    unsigned = another(banks, tmp_path / "next", changed, signers=[name for name in PARTIES if name != "reviewer-1"])
    home = ("--home", banks.homes["reviewer-1"].path)
    for words, says in (
        (("agreement", "explain", unsigned.ref, "--rows", 500), "rounds"),
        (("agreement", "explain", unsigned.ref, "--json"), '"cost"'),
        (("agreement", "sign", unsigned.ref, "--yes"), "signed"),
        (("agreement", "verify", unsigned.ref), ""),
        (("agreement", "diff", banks.ref, unsigned.ref), ""),
    ):
        done = signing.run(*words, *home, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)
        assert says in done.stdout + done.stderr
    evidence = banks.analyse([banks.contribute(owner) for owner in OWNERS])[0].digest
    for words in (("list",), ("show", evidence), ("approve", evidence)):
        done = signing.run("review", words[0], banks.ref, *words[1:], *home, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize(
    ("words", "extra"),
    [(("worker",), "prefect"), (("deploy",), "prefect"), (("warm",), "node"), (("status",), "prefect")],
)
def test_what_the_base_lacks_is_named(base: Environment, tmp_path: Path, words: tuple[str, ...], extra: str) -> None:
    done = base.run(*words, cwd=tmp_path)
    assert done.returncode == MissingExtraError.exit_code, done.stderr
    assert f"pip install 'counterfoil[{extra}]'" in done.stderr and done.stderr.count("\n") == 1
    assert base.run(*words, "--help", cwd=tmp_path).returncode == 0


def test_with_all_the_commands_and_entry_points_are_there(whole: Environment, tmp_path: Path) -> None:
    script = (
        "from importlib.metadata import entry_points as e\n"
        "for g in ('prefect.collections', 'counterfoil.commands'):\n"
        "    print(*sorted(f'{p.name}={p.load() is not None}' for p in e(group=g) if 'counterfoil' in p.value))\n"
        "import counterfoil_prefect.flows.agree as a; print('site-packages' in a.__file__)\n"
    )
    done = whole.run("-c", script, cwd=tmp_path, program="python")
    assert done.stdout.splitlines() == [
        "counterfoil=True",
        "demo=True deploy=True doctor=True run=True server=True status=True worker=True",
        "True",
    ], done.stderr
    told = whole.run("worker", "--help", cwd=tmp_path)
    assert told.returncode == 0 and "COUNTERFOIL_HOME" in told.stdout


def test_with_all_the_demo_runs_outside_a_checkout(whole: Environment, tmp_path: Path) -> None:
    """A whole job, on a machine whose proxy answers nobody: what is on the loopback is never asked of one."""
    dead = "http://127.0.0.1:9"
    proxies = {name: dead for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())}
    done = whole.run("demo", "--rows", "1000", "--folder", tmp_path / "demo", cwd=tmp_path, **proxies)
    assert done.returncode == 0, done.stdout + done.stderr
