"""Where Prefect's engine keeps results and exceptions of flows and tasks: nowhere.

Without a storage of their own, it asks the server for one, and writes what escaped a flow to wherever that says.
"""

from __future__ import annotations

from prefect.filesystems import WritableFileSystem

from counterfoil.errors import RefusedError


class Nowhere(WritableFileSystem):
    """A storage that keeps nothing; Prefect knows it as a block of no document on any server."""

    _block_type_name = "Nowhere"

    async def read_path(self, path: str) -> bytes:
        """Read nothing, whatever a server names. Raises: RefusedError, always."""
        raise RefusedError("results of flows and tasks are kept nowhere")

    async def write_path(self, path: str, content: bytes) -> None:
        """Keep nothing of the content."""


NOWHERE = Nowhere()
