"""Run a Prefect server on loopback, with the settings that come with the product and a database of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import httpx

from counterfoil.errors import ListenError, UnreachableError
from counterfoil.files import private_folder
from counterfoil.terminal import say
from counterfoil_prefect.deployments.settings import settle
from counterfoil_prefect.deployments.stand import database_url, prepared_database

PORT: Final = 4200
ANSWERS_S: Final = 180.0
"""For how long a server that was started is waited for."""
_DATABASE: Final = "PREFECT_API_DATABASE_CONNECTION_URL"


def begin(folder: Path, port: int | None = None) -> int:
    """Start the server in a process of its own, and return that once it answers. Raises: ListenError, StoreError.

    What it says is in `server.log` in the folder. Raises: UnreachableError when it ends, or does not answer in time.
    """
    argv, where = _prepare(folder, port)
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + ANSWERS_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"http://127.0.0.1:{where}/api/health").is_success:
                    return process.pid
            time.sleep(0.2)
    process.kill()
    raise UnreachableError(f"the Prefect server did not answer within {ANSWERS_S:.0f} s, or ended; {log} says why")


def serve(folder: Path, port: int | None = None) -> NoReturn:
    """Become the server, whose database is in the folder. Raises: ListenError, StoreError."""
    argv, _ = _prepare(folder, port)
    os.execv(argv[0], argv)  # noqa: S606


def _prepare(folder: Path, port: int | None) -> tuple[list[str], int]:
    """Set this process's environment for a server, and return its command line and its port."""
    where = port or urlsplit(os.environ.get("PREFECT_API_URL", "")).port or PORT
    kept = private_folder(folder).resolve()
    database, prepared = kept / "prefect.db", prepared_database()
    if _DATABASE not in os.environ:
        if prepared.exists() and not database.exists():
            shutil.copyfile(prepared, database)
        os.environ[_DATABASE] = database_url(database)
    settle("server")
    os.environ.setdefault("PREFECT_HOME", str(kept))
    os.environ.setdefault("PREFECT_SERVER_UI_STATIC_DIRECTORY", str(kept / "ui"))
    _check_free(where)
    say(f"the Prefect server's pages: http://127.0.0.1:{where}; parties: PREFECT_API_URL=http://127.0.0.1:{where}/api")
    prefect = str(Path(sys.executable).with_name("prefect"))
    return [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(where)], where


def _check_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise ListenError(
            f"port {port} of this machine cannot be listened on ({error.strerror}): stop what is there, or take "
            "another one by --port and in PREFECT_API_URL"
        ) from None
