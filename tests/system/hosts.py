"""Hosts on one machine: each a network namespace on a common bridge, with a file system over this machine's.

What a host writes below /etc, /var, /opt and /srv is its own and gone with it. Needs root, `ip` and `unshare`; runs
inside `alone`, so that nothing of it is seen outside, and nothing outlives it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("ip", "unshare", "nsenter", "mount", "setpriv", "nginx", "openssl", "runuser", "useradd", "curl")
OVERLAID = ("etc", "var", "opt", "srv")
NETWORK = "10.77.0"


def alone(command: Sequence[str]) -> list[str]:
    """The command line that runs the command in namespaces of its own; whatever it started ends with it."""
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *command]


@dataclass(frozen=True)
class Host:
    """One host: what it is called, its address, and the process that keeps its namespaces."""

    name: str
    address: str
    keeper: int

    def enter(self, *command: str) -> list[str]:
        """The command line that runs the command there as root."""
        return ["nsenter", "--target", str(self.keeper), "--mount", "--net", "--", *command]

    def run(self, script: str, environment: Mapping[str, str], user: str | None = None) -> str:
        """Run the shell script there, by a login shell of the user if one is named; what it printed, errors too."""
        strict = f"set -euo pipefail\n{script}"
        if user is None:
            command = self.enter("bash", "-c", strict)
        else:
            given = "".join(f"export {name}='{value}'\n" for name, value in environment.items() if name != "PATH")
            command = self.enter("runuser", "-l", user, "-s", "/bin/bash", "-c", f"{given}{strict}")
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=dict(environment), stdin=subprocess.DEVNULL
        )
        said = done.stdout + done.stderr
        if done.returncode != 0:
            raise AssertionError(f"at {self.name}, exit code {done.returncode}:\n{script}\n--- said:\n{said}")
        return said


class Hosts:
    """Hosts by their names, which every one of them resolves, each with `.example` behind it."""

    def __init__(self, folder: Path, names: Sequence[str], also: Mapping[str, str]) -> None:
        """Start them; `also` maps further names to the hosts that have them."""
        self._folder = folder
        _do("mount", "--make-rprivate", "/")
        _do("mount", "-t", "tmpfs", "tmpfs", str(folder))
        _do("mount", "-t", "tmpfs", "tmpfs", "/run")
        Path("/run/netns").mkdir()
        _reach(Path(sys.base_prefix), folder)
        _reach(ROOT, folder)
        _do("ip", "link", "set", "lo", "up")
        _do("ip", "link", "add", "bridge", "type", "bridge")
        _do("ip", "link", "set", "bridge", "up")
        addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate(names, 2)}
        told = {**addresses, **{name: addresses[host] for name, host in also.items()}}
        lines = "".join(f"{address} {name}.example\n" for name, address in told.items())
        (folder / "post").mkdir(mode=0o777)
        (folder / "post").chmod(0o777)
        self.post = folder / "post"
        self.all = {name: self._start(name, address, lines) for name, address in addresses.items()}

    def _start(self, name: str, address: str, hosts: str) -> Host:
        number = address.rsplit(".", 1)[1]
        _do("ip", "netns", "add", name)
        _do("ip", "link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _do("ip", "link", "set", f"to-{number}", "master", "bridge", "up")
        for words in (("addr", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _do("ip", "-netns", name, *words)
        _do("ip", "-netns", name, "link", "set", "lo", "up")
        disk = self._folder / "disks" / name
        mounts = []
        for part in OVERLAID:
            upper, work = disk / part, disk / f".{part}"
            upper.mkdir(parents=True)
            work.mkdir()
            mounts.append(f"mount -t overlay overlay -o lowerdir=/{part},upperdir={upper},workdir={work} /{part}")
        script = "\n".join(
            [
                *mounts,
                "mount -t tmpfs tmpfs /run",
                "mkdir -p /opt/counterfoil /etc/counterfoil /srv/post /var/lib/counterfoil",
                f"mount --bind {ROOT} /opt/counterfoil",
                f"mount --bind {self.post} /srv/post",
                "chmod 0755 /opt/counterfoil /etc/counterfoil /srv /var/lib/counterfoil",
                f"printf '127.0.0.1 localhost\\n%s' '{hosts}' > /etc/hosts",
                f"echo ready > {disk}/ready",
                "exec sleep infinity",
            ]
        )
        own = ("ip", "netns", "exec", name, "unshare", "--mount", "bash", "-euc", script)
        keeper = subprocess.Popen(own)
        for _ in range(200):
            if (disk / "ready").exists():
                return Host(name, address, keeper.pid)
            assert keeper.poll() is None, f"host {name} did not start"
            time.sleep(0.05)
        raise AssertionError(f"host {name} was not ready in 10 s")


def _reach(path: Path, folder: Path) -> None:
    """Let every user reach the folder in the path, also below one that root alone may enter, like root's home."""
    closed = next((each for each in reversed(path.parents) if not each.stat().st_mode & 0o001), None)
    if closed is None:
        return
    aside = folder / f"aside-{path.name}"
    aside.mkdir()
    _do("mount", "--rbind", str(path), str(aside))
    _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(closed))
    path.mkdir(parents=True)
    _do("mount", "--rbind", str(aside), str(path))


def _do(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def missing() -> str | None:
    """What this machine lacks to have hosts, if anything."""
    if os.geteuid() != 0:
        return "it needs root, for network namespaces and file systems of its own"
    paths = [*os.environ["PATH"].split(":"), "/usr/sbin", "/sbin"]
    lacking = [tool for tool in TOOLS if not any(Path(each, tool).exists() for each in paths)]
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        lacking.append("postgresql")
    return f"{', '.join(lacking)} is not installed: sh deployments/debian-packages.sh test" if lacking else None
