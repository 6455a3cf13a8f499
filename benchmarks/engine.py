"""Measure the speed of the MPC engine: real processes over mutual TLS on this machine.

Usage: python -m benchmarks.engine [-h]

Every time is from one barrier to the next, the slowest party's; best and median of several runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.mpc.circuits.core.compare import less_than
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_pr
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith
from counterfoil.mpc.runtime.host_memory import keep_freed_memory
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import SUITES, Hello, Session, open_session
from counterfoil.mpc.transport.tls import Endpoint, connect

NODES = [f"node-{index}" for index in range(4)]

WORKLOADS: dict[str, Callable[[Protocol, Arith, Arith], Any]] = {
    "multiply": lambda p, x, y: p.multiply(x, y),
    "fixed multiply": lambda p, x, y: multiply_pr(p, x, y, 18),
    "truncate": lambda p, x, _: trunc_pr(p, x, 18),
    "less-than": less_than,
    "halves": lambda p, x, _: p.split(x, bits=range(64)).slices,
    "shuffle": lambda p, x, _: p.shuffle([x]),
    "gram": lambda p, x, _: p.matmul(x.reshape(-1, 10).T, x.reshape(-1, 10)),
}


class Measured(NamedTuple):
    """One party's measurements of a workload: wall-clock seconds of each run, and the rest per run."""

    seconds: list[float]
    cpu: float
    sent: int
    rounds: int


def main() -> None:
    """Print one line a workload and size; processor seconds are those of all parties together, per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(SUITES), default="rep3-sh/1")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e3, 1e6])
    parser.add_argument("--workloads", choices=sorted(WORKLOADS), nargs="+", default=sorted(WORKLOADS))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    n = SUITES[options.suite].parties
    with tempfile.TemporaryDirectory() as folder:
        for node in NODES[:n]:
            PrivateKeys.create(Path(folder) / node, node)
        ports = _free_ports(n)
        with ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn")) as pool:
            parties = [pool.submit(_party, index, options, folder, ports) for index in range(n)]
            measured = zip(*(party.result() for party in parties), strict=True)
    print(f"{'workload':14} {'n':>9} {'best s':>9} {'median s':>9} {'cpu s':>9} {'MB sent':>9} {'rounds':>6}")
    for (size, workload), found in zip(product(options.sizes, options.workloads), measured, strict=True):
        slowest = [max(run) for run in zip(*(each.seconds for each in found), strict=True)]
        best, median = min(slowest), statistics.median(slowest)
        cpu, sent = sum(each.cpu for each in found), sum(each.sent for each in found) / 1e6
        print(f"{workload:14} {int(size):9} {best:9.4f} {median:9.4f} {cpu:9.4f} {sent:9.1f} {found[0].rounds:6}")


def _party(index: int, options: argparse.Namespace, folder: str, ports: list[int]) -> list[Measured]:
    keep_freed_memory()
    keys = [PrivateKeys.load(Path(folder) / NODES[k], NODES[k]) for k in range(len(ports))]
    ends = [Endpoint(key.party, "127.0.0.1", port, key.public.tls) for port, key in zip(ports, keys, strict=True)]
    hello = Hello(options.suite, "0" * 32, 1, "", "", "", "", "", "")
    links = connect(index, ends, keys[index].load_tls, hello.name)
    measured = []
    with open_session(links, hello, index, claim=lambda *_: None) as session:
        for size in options.sizes:
            n = int(size) // 10 * 10
            columns = np.random.default_rng(1).integers(-(1 << 61), 1 << 61, (2, n))
            x, y = (deal(column, len(ports), bytes([k]) * 32)[index] for k, column in enumerate(columns))
            for workload in options.workloads:
                _run(session, WORKLOADS[workload], x, y)  # the first one warms up
                spent = time.process_time()
                runs = [_run(session, WORKLOADS[workload], x, y) for _ in range(options.runs)]
                cpu = (time.process_time() - spent) / options.runs
                measured.append(Measured([seconds for seconds, _, _ in runs], cpu, *runs[-1][1:]))
    return measured


def _run(
    session: Session, workload: Callable[[Protocol, Arith, Arith], Any], x: Arith, y: Arith
) -> tuple[float, int, int]:
    """Measure seconds, bytes sent and rounds of one run, from barrier to barrier."""
    session.protocol.barrier("start")
    before, started = session.meter, time.perf_counter()
    workload(session.protocol, x, y)
    session.protocol.barrier("end")
    after = session.meter
    return time.perf_counter() - started, after.data_bytes - before.data_bytes, after.rounds - before.rounds - 1


def _free_ports(n: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


if __name__ == "__main__":
    main()
