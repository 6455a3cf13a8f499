"""Describe the machine of a run, so that its numbers can be judged: processor, memory, load, versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def describe() -> dict[str, str]:
    """Describe the machine, one line a fact. The load tells whether it had anything else to do."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    blas = {name: value for name, value in sorted(os.environ.items()) if name.startswith(("OPENBLAS_", "OMP_"))}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(memory[1]) / 2**20:.1f} GiB" if memory else "unknown",
        "commit": _commit(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "set for BLAS": ", ".join(f"{name}={value}" for name, value in blas.items()) or "nothing",
    }


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607
    return told.stdout.strip() or "unknown"
