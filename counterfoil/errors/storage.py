"""Homes, vaults, exchanges and files: 90 to 99."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class StoreError(CounterfoilError):
    """A home folder, a vault or an exchange cannot be read or written."""

    exit_code = 90
    remedy = "Check path, rights and room on the disk."


class NotFoundError(StoreError):
    """A named document, blob or job is not there."""

    exit_code = 91
    remedy = "Compare the name with what is there; lines of earlier commands print it."


class BusyError(StoreError):
    """Another process of this party holds what is needed."""

    exit_code = 92
    remedy = "Wait for the other process, or end it."


class ConfinementError(CounterfoilError):
    """A file of a stranger cannot be parsed where that stranger could do no harm: the kernel lacks what is demanded."""

    exit_code = 93
    remedy = "Run on a kernel with what is named, or allow less confinement, knowing what that means."


class PlantedError(StoreError):
    """A link, a pipe or whatever is no ordinary file or folder is in the way of a name that others can write."""

    exit_code = 94
    remedy = "Remove what is in the way, and find out who put it there."
