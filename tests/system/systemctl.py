"""Stands in for systemctl where no systemd runs: starts what the project's units say, as whom and with what they say.

What it leaves out is the sandbox around a unit. `nginx.service` is Debian's own.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

UNITS = Path("/etc/systemd/system")


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, each with all its values, for its instance."""
    stem, _, kind = name.rpartition(".")
    template, at, instance = stem.partition("@")
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"{template}{at}.{kind}").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "[")):
            found.setdefault(key, []).append(value.replace("%i", instance).replace("%%", "%"))
    return found


def environment(settings: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """What the process finds in its environment."""
    yield "PATH", "/usr/local/bin:/usr/bin:/bin"
    lines = [word for value in settings.get("Environment", ()) for word in shlex.split(value)]
    for file in settings.get("EnvironmentFile", ()):
        path = Path(file.removeprefix("-"))
        if path.exists() or not file.startswith("-"):
            lines += [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        name, _, value = line.partition("=")
        yield name, value


def start(name: str) -> None:
    """Start the unit, and wait for it if it is one that ends."""
    if name == "nginx.service":
        subprocess.run(["/usr/sbin/nginx"], check=True)
        return
    settings = unit(name)
    if name.endswith(".timer"):
        assert settings["OnCalendar"]
        return
    user = settings["User"][0]
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs"]
    log = Path(f"/var/log/{name}.log").open("ab")  # noqa: SIM115 (the process keeps it)
    common = {"env": dict(environment(settings)), "cwd": settings.get("WorkingDirectory", ["/"])[0], "stdout": log}
    for line in settings.get("ExecStartPre", ()):
        subprocess.run([*as_user, *shlex.split(line)], check=True, stderr=log, umask=0o077, **common)
    command = [*as_user, *shlex.split(settings["ExecStart"][0])]
    process = subprocess.Popen(
        command, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, umask=0o077, **common
    )
    if settings["Type"] == ["oneshot"]:
        if process.wait():
            sys.exit(f"{name} failed: {Path(log.name).read_text()[-2000:]}")
        return
    Path(f"/run/{name}.pid").write_text(str(process.pid))


def stop(name: str) -> None:
    """Stop the unit, as systemd does: it is asked to end, and after a while ended."""
    pid = int(Path(f"/run/{name}.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    for _ in range(900):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Do what the command line says."""
    verb, *names = (word for word in sys.argv[1:] if word != "--now")
    for name in names:
        if verb in ("stop", "restart"):
            stop(name)
        if verb in ("start", "restart", "enable"):
            start(name)


if __name__ == "__main__":
    main()
