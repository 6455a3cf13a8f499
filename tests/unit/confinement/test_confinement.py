"""What a stranger's code can do in the process that parses a file: from a process that is confined as that one is."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from counterfoil.confinement import CONFINEMENT, DEMANDS, seccomp, system, tell_lacking
from counterfoil.data.reading import confined
from counterfoil.data.reading import process as reading
from counterfoil.data.reading.confined import LIMITS, frames
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import ConfinementError
from counterfoil.home import Home
from tests.unit.confinement import confined_child

NOBODY = 65534
USERS = (0, NOBODY) if os.getuid() == 0 else (os.getuid(),)
ROOT = Path(__file__).resolve().parents[3]
NAMES = tuple(confined_child.attempts(Path(), 0, 0, 0))


def run(user: int, *, free: bool = False) -> dict[str, Any]:
    """What came of each attempt, in a home of the user's own. Its parent, of the same user, holds the secret."""
    with tempfile.TemporaryDirectory() as folder:  # which other users may enter, as they may not pytest's
        Path(folder).chmod(0o755)
        return _run(Path(folder, "home"), user, free)


def _run(home: Path, user: int, free: bool) -> dict[str, Any]:
    for name in ("keys", "data", "exchange", "empty"):
        (home / name).mkdir(parents=True)
    for name in ("keys/sign.pem", "data/loans.csv", "other", "moved", "doomed"):
        (home / name).write_text("canary-4711\n")
    (home / "link").symlink_to("other")
    for path in (home, *home.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)
    reached, told = os.pipe()
    if (parent := os.fork()) == 0:
        _be_parent(home, user, free, told)
    os.close(told)
    with os.fdopen(reached) as answer:
        said = answer.read()
    assert os.waitpid(parent, 0)[1] == 0
    results = json.loads(said)
    results["left"] = sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))
    return results


def _be_parent(home: Path, user: int, free: bool, told: int) -> None:
    code = 1
    try:
        held = ctypes.create_string_buffer(b"SECRET")
        place = (str(home), str(os.getpid()), str(ctypes.addressof(held)))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        if free:
            environment["COUNTERFOIL_FREE"] = "1"
        command = [sys.executable, "-m", confined_child.__name__, str(user), *place]
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=told, start_new_session=True
        )
        if os.getuid() != user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after exec: so that others of the same user may read it
        code = child.wait()
    finally:
        os._exit(code)


@pytest.fixture(scope="module", params=USERS, ids=lambda user: "root" if user == 0 else "user")
def user(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def bound(user: int) -> dict[str, Any]:
    return run(user)


@pytest.fixture(scope="module")
def free(user: int) -> dict[str, Any]:
    return run(user, free=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_confined_process_may_not(bound: dict[str, Any], name: str) -> None:
    assert bound["attempts"][name] == "EPERM"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in confined_child.ELSEWHERE])
def test_what_it_may_not_would_have_worked(free: dict[str, Any], name: str) -> None:
    assert free["attempts"][name] is None


def test_nothing_of_the_home_changes(bound: dict[str, Any]) -> None:
    assert bound["left"] == [
        "data", "data/loans.csv", "doomed", "empty", "exchange", "keys", "keys/sign.pem", "link", "moved", "other",
    ]  # fmt: skip


def test_every_call_that_is_on_no_list_is_refused(bound: dict[str, Any]) -> None:
    assert bound["others"] == {}
    assert bound["clone3"] == "ENOSYS"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other processors have no such entries")
def test_entries_of_other_architectures_are_refused(bound: dict[str, Any]) -> None:
    assert bound["32-bit"] in (-1, -38)  # EPERM, or a kernel without 32-bit programs
    assert bound["x32"] == "EPERM"


def test_threads_are_bound_whenever_they_began_and_may_begin(bound: dict[str, Any], free: dict[str, Any]) -> None:
    assert bound["an earlier thread opens"] == "EPERM"
    assert free["an earlier thread opens"] is None
    assert bound["later"] == free["later"] == "can"


def test_nothing_was_lacking_here(bound: dict[str, Any]) -> None:
    assert bound["lacking"] == []


LANDLOCK_ALONE = """
import json, os, socket, sys
from pathlib import Path
from counterfoil.confinement import landlock, privileges
from tests.unit.confinement.confined_child import attempts, outcome
home, parent = Path(sys.argv[1]), os.getppid()
(home / "data").mkdir(parents=True)
for name in ("keys", "exchange", "empty"):
    (home / name).mkdir()
for name in ("keys/sign.pem", "data/loans.csv", "other", "moved", "doomed"):
    (home / name).write_text("x")
tried = attempts(home, parent, 0, os.open(home / "data" / "loans.csv", os.O_RDONLY))
listening = socket.create_server(("127.0.0.1", 0))
privileges.gain_none()
landlock.restrict(reading=sys.argv[2] == "reading")
tried["connect"] = lambda: socket.create_connection(listening.getsockname())
print(json.dumps({"version": landlock.version(), **{name: outcome(tried[name]) for name in sys.argv[3:]}}))
"""
BY_VERSION = {
    1: ("create", "symlink", "unlink", "mkdir", "rmdir", "mkfifo", "rename"),
    2: ("link a key",),
    3: ("truncate",),
    4: ("connect",),
    6: ("signal the parent",),
}


@pytest.mark.parametrize("reading", ["reading", "writing"])
def test_landlock_alone_denies_what_its_version_can(tmp_path: Path, reading: str) -> None:
    """The second measure is one: each right that it knows is denied without the first."""
    names = [name for names in BY_VERSION.values() for name in names]
    command = [sys.executable, "-c", LANDLOCK_ALONE, str(tmp_path / "home"), reading, "open", "list", *names]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout)
    assert found["open"] == found["list"] == ("EACCES" if reading == "reading" else None)
    for version, denied in BY_VERSION.items():
        for name in denied:
            assert (found[name] in ("EACCES", "EPERM", "EXDEV")) == (version <= found["version"]), name


def test_a_filter_is_made_for_both_machines_and_no_other() -> None:
    assert len(seccomp.program("x86_64")) == len(seccomp.program("aarch64"))
    assert seccomp.program("x86_64") != seccomp.program("aarch64")
    with pytest.raises(OSError, match="riscv64"):
        seccomp.program("riscv64")


def verdict(lines: bytes, number: int, arch: int, *arguments: int) -> int:
    """What the filter answers to a call, by the kernel's rules for the five instructions that it is made of."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *arguments, *(6 - len(arguments)) * (0,))
    program, at, held = list(struct.iter_unpack("<HBBI", lines)), 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        match code:
            case 0x20:  # load a word of the data
                (held,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += yes if held == value else no
            case 0x35:
                at += yes if held >= value else no
            case 0x54:
                held &= value
            case 0x06:
                return value
            case _:
                raise AssertionError(code)


ALLOWED, REFUSED, UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


@pytest.mark.parametrize("machine", ARCHES)
def test_a_filter_answers_alike_on_both_machines(machine: str) -> None:
    """No machine is needed for it: numbers, architecture and arguments are all that a filter sees."""
    lines, arch = seccomp.program(machine), ARCHES[machine]
    allowed = {system.number(name, machine) for name in seccomp.COMPUTING}
    told = {system.number(name, machine): name for name in seccomp.within()}
    for number in range(1024):
        answer = verdict(lines, number, arch, 0, 0, 0)
        if number in allowed or told.get(number) in ("mmap", "mprotect", "prlimit64"):
            assert answer == ALLOWED, number
        elif number == system.number("clone3", machine):
            assert answer == UNKNOWN
        else:
            assert answer == REFUSED, number
    assert (
        verdict(lines, system.number("read", machine), ARCHES["x86_64" if machine == "aarch64" else "aarch64"])
        == REFUSED
    )
    assert verdict(lines, 0x40000000 | system.number("read", machine), arch) == REFUSED
    thread, process = 0x003D0F00, 0x01200011
    for name, arguments, answer in (
        ("clone", (thread,), ALLOWED),
        ("clone", (process,), REFUSED),
        ("clone", (thread | 0x10000000,), REFUSED),  # in a namespace of its own
        ("mprotect", (0, 0, 1), ALLOWED),
        ("mprotect", (0, 0, 5), REFUSED),
        ("mmap", (0, 0, 4), REFUSED),
        ("fcntl", (0, 1), ALLOWED),
        ("fcntl", (0, 3), ALLOWED),
        ("fcntl", (0, 4), REFUSED),
        ("prlimit64", (0, 0, 1 << 40), REFUSED),
        ("tgkill", (os.getpid(),), ALLOWED),
        ("tgkill", (1,), REFUSED),
    ):
        assert verdict(lines, system.number(name, machine), arch, *arguments) == answer, (name, arguments)


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")],
)
def test_numbers_of_calls_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    path = Path("/usr/include", header)
    if not path.exists():
        pytest.skip("it needs linux-libc-dev: sh deployments/debian-packages.sh test")
    listed = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in listed}
    assert {name: system.number(name, machine) for name in system.NUMBERS} == {
        name: numbers[name] for name in system.NUMBERS
    }


READING = {"code": "string", "n": "integer"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "long.csv"
    path.write_text("code,n\n" + "canary-4711,1\n" * 600_000)
    return path


def test_the_reader_itself_is_confined_in_all_its_threads(table: Path) -> None:
    before = set(_children())
    batches = frames(table, READING, LIMITS)
    next(batches)
    (child,) = set(_children()) - before
    for thread in Path("/proc", str(child), "task").iterdir():
        status = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        assert {name: status[name].strip() for name in ("Seccomp", "NoNewPrivs")} == {"Seccomp": "2", "NoNewPrivs": "1"}
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        if thread.name == str(child):
            assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        else:  # began while modules were imported: no call is left to use it
            assert int(status["CapPrm"], 16) in (0, 1 << 2)
    assert sorted(str(each.readlink()).split(":")[0] for each in Path("/proc", str(child), "fd").iterdir()) == [
        "/dev/null", str(table), "pipe", "pipe",
    ]  # fmt: skip
    environment = Path("/proc", str(child), "environ").read_bytes()
    assert b"COUNTERFOIL" not in environment
    mapped = Path("/proc", str(child), "maps").read_text()
    assert "/pyarrow/" in mapped and "/pandas/" not in mapped  # which Arrow would load, were it to be had
    del batches


def _children() -> list[int]:
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


STAND_IN = """
import json, os, signal, sys, time
from counterfoil.confinement import landlock, seccomp
from counterfoil.data.reading import process as reading, reader
def said(kind, what):
    for kind, text in ((b"C", "[]"), (kind, json.dumps(what)), (b"E", "")):
        os.write(1, reader.FRAME.pack(kind, len(text)) + text.encode())
    time.sleep(60)
def lacks(**_): raise OSError(38, "Function not implemented")
{change}
reading.main()
"""


def _stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, change: str) -> None:
    """In place of the reader, one that is changed before it starts."""
    (folder / "changed_reader.py").write_text(STAND_IN.format(change=change))
    environment = {**confined._ENVIRONMENT, "PYTHONPATH": f"{ROOT}:{folder}"}
    monkeypatch.setattr(confined, "_ENVIRONMENT", environment)
    monkeypatch.setattr(reading, "__name__", "changed_reader")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "refuse"), [("seccomp", ("", "full")), ("landlock", ("full",))], ids=["seccomp", "landlock"]
)
def test_a_kernel_that_lacks_a_measure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: Path, caplog: pytest.LogCaptureFixture,
    measure: str, refuse: tuple[str, ...],
) -> None:  # fmt: skip
    """What is demanded is refused by name, before a byte is parsed; what is not is told once."""
    _stand_in(monkeypatch, tmp_path, f"{measure}.restrict = lacks")
    for word in DEMANDS:
        monkeypatch.setenv(CONFINEMENT, word)
        tell_lacking.cache_clear()
        caplog.clear()
        if word in refuse:
            with pytest.raises(ConfinementError, match=f"{measure} is not to be had .*{CONFINEMENT}") as caught:
                list(frames(table, READING, LIMITS))
            assert caught.value.exit_code == 93
            continue
        for _ in range(2):
            assert list(frames(table, READING, LIMITS))
        assert [record.getMessage() for record in caplog.records] == [
            f"files are parsed without {measure}, which this kernel lacks; docs/threat-model.md says what remains"
        ]


def test_a_demand_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    monkeypatch.setenv(CONFINEMENT, "strict")
    with pytest.raises(ConfinementError, match="is none of full, reduced or empty"):
        list(frames(table, READING, LIMITS))


@pytest.mark.parametrize(
    "change",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "time.sleep(60)",
        "os.write(1, reader.FRAME.pack(b'C', 8)); os.write(1, b'[]'); time.sleep(60)",
        "os.write(1, reader.FRAME.pack(b'B', 4)); os.write(1, bytes(4)); time.sleep(60)",
        "os.write(1, reader.FRAME.pack(b'C', 10)); os.write(1, b'[\"cell-7\"]'); time.sleep(60)",
        "os.write(1, reader.FRAME.pack(b'C', 9)); os.write(1, b'not JSON!'); time.sleep(60)",
        "said(b'U', ['x' * 401, 'unreadable', None, []])",
        "said(b'U', ['\\x1b[2J', 'unreadable', None, []])",
        "said(b'U', ['a', 'other', None, []])",
        "said(b'U', ['a', 'unreadable', '\\x1b[2J', []])",
        "said(b'U', ['a', 'unreadable', None, [['\\x1b[2J', 'unreadable', None]]])",
        "said(b'M', {'column': 'x', 'remedy': 'r', 'count': 1, 'rows': [], 'cells': []})",
        "said(b'M', {'column': 'n', 'remedy': '\\u202e', 'count': 1, 'rows': [], 'cells': []})",
        "said(b'M', {'column': 'n', 'remedy': 'r', 'count': 1, 'rows': ['1'], 'cells': ['x']})",
        "said(b'M', {'column': 'n', 'remedy': 'r', 'count': 1, 'rows': [1], 'cells': [2]})",
        "said(b'M', {'column': 'n', 'remedy': 'r', 'count': 1, 'rows': [1], 'cells': ['x'], 'more': 1})",
        "said(b'T', {'kinds': {'n': 'object'}, 'empty': {}, 'names': {'n': 'n'}})",
        "said(b'T', {'kinds': {'n': 'integer'}, 'empty': {'n': 5}, 'names': {'n': 'n'}})",
        "said(b'T', {'kinds': {'n': 'integer'}, 'empty': {}, 'names': {}})",
        "os.write(1, reader.FRAME.pack(b'U', 5)); os.write(1, b'[1,2]'); time.sleep(60)",
    ],
)
def test_a_reader_that_does_as_it_likes_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: Path, change: str
) -> None:
    _stand_in(monkeypatch, tmp_path, change)
    others = _children()  # of tests before this one, in the same process
    with pytest.raises(UnreadableError, match="was stopped"):
        list(frames(table, READING, replace(LIMITS, cpu_s=2)))
    assert set(_children()) <= set(others)


@pytest.mark.slow
def test_a_reader_that_drips_is_not_waited_for_longer_than_all_of_its_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: Path
) -> None:
    monkeypatch.setattr(confined, "PATIENCE", 3)
    drip = "os.write(1, reader.FRAME.pack(b'U', 900))\nfor _ in range(900): os.write(1, b'x'); time.sleep(0.5)"
    _stand_in(monkeypatch, tmp_path, drip)
    others, began = _children(), monotonic()
    with pytest.raises(UnreadableError, match="was stopped"):
        list(frames(table, READING, replace(LIMITS, cpu_s=2)))
    assert 5 < monotonic() - began < 60  # of 450 s, each part in time
    assert set(_children()) <= set(others)


HOLDER = """
import ctypes, os, sys
held = ctypes.create_string_buffer(b"SECRET")
exec(sys.argv[1])
print(os.getpid(), ctypes.addressof(held), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("work", "error"),
    [
        ("pass", None),
        ("from counterfoil.home import *; Home.open(Path(sys.argv[2]))", "EPERM"),
        ("from counterfoil.crypto.keys import *; PrivateKeys(Path(sys.argv[2]) / 'keys', 'a')", "EPERM"),
    ],
    ids=["nothing", "home", "keys"],
)  # fmt: skip
def test_a_process_that_holds_keys_withholds_its_memory(tmp_path: Path, work: str, error: str | None) -> None:
    """From any other process of the same user that is not root, whatever the kernel's settings."""
    Home.create(tmp_path / "home", "a", str(tmp_path / "exchange"))
    become = "import os, sys\nif os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    dumpable = "import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
    after = f"{become}{dumpable}" if error is None else become
    command = [sys.executable, "-c", HOLDER, f"{work}\n{after}", str(tmp_path / "home")]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        pid, address = map(int, holder.stdout.readline().split())
        if (child := os.fork()) == 0:
            code = 99
            try:
                exec(become)  # noqa: S102
                code = {None: 0, "EPERM": 1}[confined_child.outcome(lambda: confined_child.read_memory(pid, address))]
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if error is None else 1)
    finally:
        holder.communicate()
