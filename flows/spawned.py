"""The worker's end of a spawner's socket: orders go out, and news of each come back."""

import asyncio
import itertools
import json
import socket
import subprocess
import sys
from typing import Any, Self

from counterfoil.errors import InternalError
from counterfoil_prefect.flows import spawner


class Spawned:
    """A spawner as its owner sees it. While `listen` runs, news of each order come by the queue that `order` gave.

    Orders are told apart by numbers, not by their runs: a run that was suspended may be resumed, and so ordered again,
    before its earlier process has ended.
    """

    def __init__(self, channel: socket.socket, process: "subprocess.Popen[bytes] | None" = None) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._process = process
        self._numbers = itertools.count()
        self._news: dict[int, asyncio.Queue[dict[str, Any]]] = {}

    @classmethod
    def launch(cls, module: str, **options: Any) -> Self:
        """Start a spawner in a fresh process of its own: `python -m MODULE FILE-DESCRIPTOR`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            handle = theirs.fileno()
            process = subprocess.Popen([sys.executable, "-m", module, str(handle)], pass_fds=[handle], **options)
        return cls(ours, process)

    async def listen(self) -> None:
        """Pass news on until the spawner ends, which is an error; every order is told that it has ended."""
        loop = asyncio.get_running_loop()
        while message := await loop.sock_recv(self._channel, spawner.MESSAGE_BYTES):
            news = json.loads(message)
            queue = self._news[news["order"]]
            if "pid" not in news:
                del self._news[news["order"]]
            queue.put_nowait(news)
        for queue in self._news.values():
            queue.put_nowait({"exit": -1})
        raise InternalError("the process that runs this party's flows ended; its output is above")

    async def order(self, flow: str, run: str, parameters: dict[str, Any]) -> asyncio.Queue[dict[str, Any]]:
        """Order a run; news of it come by the queue: refused, or its process and then its exit."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        number = next(self._numbers)
        message = {"order": number, "flow": flow, "run": run, "parameters": parameters}
        if len(json.dumps(message)) < spawner.MESSAGE_BYTES:
            self._news[number] = queue
            await self._tell(message)
        else:
            queue.put_nowait({"refused": "the parameters are longer than any reference"})
        return queue

    async def stop(self, news: asyncio.Queue[dict[str, Any]]) -> None:
        """Kill the processes of the order that has this queue; return when they are gone.

        They are not asked to end: Prefect would report a crash, and whatever must outlive a crash is durable anyway.
        """
        for number in [number for number, queue in self._news.items() if queue is news]:
            await self._tell({"stop": number})
            await news.get()

    def close(self) -> None:
        """End the spawner and all that it runs."""
        self._channel.close()
        if self._process is not None:
            self._process.wait()

    async def _tell(self, message: dict[str, Any]) -> None:
        await asyncio.get_running_loop().sock_sendall(self._channel, json.dumps(message).encode())
