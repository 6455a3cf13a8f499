"""Real processes on a bad network: whatever befalls a TLS link, a run ends right or with a named error, in time.

Every party dials every other through a proxy. From some byte on, a fault befalls what one party sends another.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import CheatingDetected, CounterfoilError, TransportError
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.transport.tls import Endpoint, connect
from counterfoil_prefect.deployments.stand import free_ports
from tests.lib.trials import trials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

TIMEOUT_S, MARGIN_S = 5.0, 10.0
X = np.arange(20_000, dtype=np.uint64)
FAULTS = ("none", "delays", "is narrow", "stalls", "cuts", "half open", "trickles", "garbles")

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


class Way:
    """What one party sends another, as the network passes it on."""

    def __init__(self, fault: str, after: int) -> None:
        self._fault, self._left = fault, after
        self._once = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            untouched, self._left = data[: self._left], max(0, self._left - len(data))
            writer.write(untouched)
            if rest := data[len(untouched) :]:
                await self._pass_on(rest, writer)
            await writer.drain()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        first, self._once = self._once, False
        match self._fault:
            case "cuts":
                raise ConnectionAbortedError
            case "half open":
                return
            case "trickles":
                for place in range(len(data)):
                    writer.write(data[place : place + 1])
                    await asyncio.sleep(0.25)
                return
            case "is narrow":
                for place in range(0, len(data), 1 << 14):
                    writer.write(data[place : place + (1 << 14)])
                    await asyncio.sleep(0.01)
                return
            case "garbles" if first:
                data = bytes([data[0] ^ 1]) + data[1:]
            case "delays":
                await asyncio.sleep(0.01)
            case "stalls" if first:
                await asyncio.sleep(1.0)
        writer.write(data)


class Network:
    """Proxies between all parties: one way through them is bad from some byte on."""

    def __init__(self, ports: list[int], fault: str, bad: tuple[int, int], after: int) -> None:
        self._fault, self._bad, self._after = fault, bad, after
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        pairs = [(i, j) for i in range(len(ports)) for j in range(len(ports)) if i != j]
        listening = self._open(pairs, ports)
        #: where party i finds party j
        self.ports = asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    async def _open(self, pairs: list[tuple[int, int]], ports: list[int]) -> dict[tuple[int, int], int]:
        found = {}
        for i, j in pairs:

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: tuple[int, int] = (i, j)
            ) -> None:
                await self._carry(reader, writer, way, ports[way[1]])

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            found[i, j] = server.sockets[0].getsockname()[1]
        return found

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: tuple[int, int], port: int
    ) -> None:
        """Both ways of a connection that party i opened to j; if either ends, so do both."""
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            fault = self._fault if way == self._bad else "none"
            ways = [Way(fault, self._after).carry(reader, back), Way("none", 0).carry(there, writer)]
            tasks = [asyncio.ensure_future(each) for each in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            back.close()
        writer.close()

    def close(self) -> None:
        """Nothing is passed on any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@dataclass(frozen=True)
class Outcome:
    """How it ended at a party, and when after all had begun."""

    error: str
    named: bool
    right: bool
    seconds: float


def take_part(index, suite, keys, ends, shares, begin, tell):
    hello = Hello(suite, "0" * 32, 1, "", "", "", "", "", "")
    begin.wait()
    began, error, named, right = time.monotonic(), "", False, False
    try:
        load_tls = PrivateKeys.load(keys, keys.name).load_tls
        links = connect(index, ends, load_tls, hello.name, timeout_s=TIMEOUT_S, connect_s=TIMEOUT_S)
        declared = [Declared("z", 1, "")]
        with open_session(links, hello, index, claim=lambda *_: None, declared=declared) as session:
            p, x = session.protocol, session.protocol.share_input(shares)
            (y,), permutation = p.shuffle([p.multiply(x, x)])
            (z,) = p.unshuffle([y], permutation)
            p.barrier("end")
            right = bool(np.array_equal(p.open(z, "z"), X * X))
    except CounterfoilError as found:
        error, named = f"{type(found).__name__}: {found}", isinstance(found, TransportError | CheatingDetected)
    except Exception as found:
        error = repr(found)
    tell.send(Outcome(error, named, right, time.monotonic() - began))


def run(seed, folders, identities):
    """The outcomes of a run, and what befell it."""
    rng = random.Random(seed)
    suite = (*SUITES,)[seed // len(FAULTS) % len(SUITES)]
    n, fault = SUITES[suite].parties, FAULTS[seed % len(FAULTS)]
    bad, after = tuple(rng.sample(range(n), 2)), int(10 ** rng.uniform(0, 5.5))
    ports = free_ports(n)
    network = Network(ports, fault, bad, after)
    begin, shares, pipes, processes = _CONTEXT.Barrier(n), deal(X, n), [], []
    try:
        for index in range(n):
            ends = [
                Endpoint(identities[j].public.party, "127.0.0.1", network.ports.get((index, j), ports[j]),
                         identities[j].public.tls)
                for j in range(n)
            ]  # fmt: skip
            heard, tell = _CONTEXT.Pipe(duplex=False)
            args = (index, suite, folders[index], ends, shares[index].parts, begin, tell)
            processes.append(_CONTEXT.Process(target=take_part, args=args, daemon=True))
            processes[-1].start()
            tell.close()
            pipes.append(heard)
        outcomes = [heard.recv() if heard.poll(120) else None for heard in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()
        network.close()
    return outcomes, f"seed {seed}: {suite}, {fault} from party {bad[0]} to {bad[1]} after {after} bytes"


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("keys") / f"node-{index}" for index in range(4)]
    return folders, [PrivateKeys.create(folder, folder.name) for folder in folders]


@trials(quick=8, full=200)
def test_every_run_ends_right_or_by_name(parties, trials):
    ended = {"right": 0, "named": 0}
    for seed in trials:
        outcomes, where = run(seed, *parties)
        for outcome in outcomes:
            assert outcome is not None, where
            assert outcome.right or outcome.named, (where, outcome)
            assert outcome.seconds <= TIMEOUT_S + MARGIN_S, (where, outcome)
            ended["right" if outcome.right else "named"] += 1
        assert FAULTS[seed % len(FAULTS)] != "none" or all(outcome.right for outcome in outcomes), (where, outcomes)
    assert all(ended.values()), ended
