"""Speed of the MPC engine: real processes over mutual TLS on this machine. Usage: python -m benchmarks.engine [-h]

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
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.mpc.circuits.compare import less_than
from counterfoil.mpc.local import deal
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.session import SUITES, Hello, open_session
from counterfoil.mpc.shares import Arith
from counterfoil.mpc.transport.tls import Endpoint, connect

NODES = [f"node-{index}" for index in range(4)]

WORKLOADS: dict[str, Callable[[Protocol, Arith, Arith], Any]] = {
    "multiply": lambda p, x, y: p.multiply(x, y),
    "less-than": lambda p, x, y: less_than(p, x, y),
    "halves": lambda p, x, y: p.halves_slices(x),
    "shuffle": lambda p, x, y: p.shuffle([x]),
    "gram": lambda p, x, y: p.matmul(x.reshape(-1, 10).T, x.reshape(-1, 10)),
}


def main() -> None:
    """Prints one line a workload and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(SUITES), default="rep3-sh/1")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e3, 1e6])
    parser.add_argument("--workloads", choices=sorted(WORKLOADS), nargs="+", default=sorted(WORKLOADS))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    n = SUITES[options.suite].parties
    context = multiprocessing.get_context("spawn")
    results: SimpleQueue[Any] = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        for node in NODES[:n]:
            PrivateKeys.create(Path(folder) / node, node)
        ports = _free_ports(n)
        parties = [
            context.Process(target=_party, args=(index, options, folder, ports, results), daemon=True)
            for index in range(n)
        ]
        for party in parties:
            party.start()
        print(f"{'workload':12} {'n':>9} {'best s':>9} {'median s':>9} {'MB sent':>9} {'rounds':>6}")
        for size in options.sizes:
            for workload in options.workloads:
                found = [results.get() for _ in range(n)]
                slowest = [max(run) for run in zip(*(seconds for seconds, _, _ in found), strict=True)]
                sent, rounds = sum(sent for _, sent, _ in found) / 1e6, found[0][2]
                best, median = min(slowest), statistics.median(slowest)
                print(f"{workload:12} {int(size):9} {best:9.4f} {median:9.4f} {sent:9.1f} {rounds:6}")
        for party in parties:
            party.join()


def _party(index: int, options: argparse.Namespace, folder: str, ports: list[int], results: SimpleQueue[Any]) -> None:
    keys = [PrivateKeys.load(Path(folder) / NODES[k], NODES[k]) for k in range(len(ports))]
    ends = [Endpoint("127.0.0.1", port, key.public.tls) for port, key in zip(ports, keys, strict=True)]
    hello = Hello(options.suite, "0" * 32, 1, "", "", "", "", "", "", "")
    links = connect(index, ends, keys[index].load_tls, hello.name)
    with open_session(links, hello, index, claim=lambda job, attempt: None) as session:
        p = session.protocol
        for size in options.sizes:
            n = int(size) // 10 * 10
            columns = np.random.default_rng(1).integers(-(1 << 61), 1 << 61, (2, n))
            x, y = (deal(column, len(ports), bytes([k]) * 32)[index] for k, column in enumerate(columns))
            for workload in options.workloads:
                seconds = []
                for _ in range(options.runs + 1):
                    p.barrier("start")
                    before, started = session.meter, time.perf_counter()
                    WORKLOADS[workload](p, x, y)
                    p.barrier("end")
                    seconds.append(time.perf_counter() - started)
                    after = session.meter
                rounds = after.rounds - before.rounds - 1
                results.put((seconds[1:], after.data_bytes - before.data_bytes, rounds))


def _free_ports(n: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


if __name__ == "__main__":
    main()
