"""Run a Prefect server on loopback, with the settings that come with the product and a database of its own."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from counterfoil.errors import ListenError
from counterfoil.files import private_folder
from counterfoil.terminal import say
from counterfoil_prefect.deployments.settings import settle
from counterfoil_prefect.deployments.stand import database_url, prepared_database

PORT: Final = 4200
_DATABASE: Final = "PREFECT_API_DATABASE_CONNECTION_URL"


def serve(folder: Path, port: int | None = None) -> NoReturn:
    """Become the server, whose database is in the folder. Raises: ListenError, StoreError."""
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
    os.execv(prefect, [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(where)])  # noqa: S606


def _check_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise ListenError(
            f"port {port} of this machine cannot be listened on ({error.strerror}): stop what is there, or take "
            "another one by --port and in PREFECT_API_URL"
        ) from None
