"""Which extra to install for what a command could not import."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, requires

from counterfoil.errors import MissingExtraError

_ORDER = ("sign", "open", "owner", "node", "prefect")
"""From the smallest; an extra that is not listed is for those who work on Counterfoil."""
ALL = "all"
"""The extra that has what all others have."""
_WHOLE = ("analyst", ALL)
"""Extras that have what several others have."""
_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+).*;\s*extra\s*==\s*["']([a-z]+)["']""")


def missing(module: str | None, preferred: str = "") -> MissingExtraError | None:
    """Say which extra has a module that is not installed.

    Args:
        module: The name that could not be imported.
        preferred: The extra of the command that needs it, named if it has the module.

    Returns:
        The error; none for a module that no extra has.
    """
    top = (module or "").partition(".")[0]
    having = [extra for extra in _ORDER if _canonical(top) in _distributions(extra)]
    if not having:
        return None
    return _error(top, preferred if preferred in (*having, *_WHOLE) else having[0])


def demand_all() -> None:
    """Check that the packages of all extras are installed. Raises: MissingExtraError."""
    for name in sorted(set().union(*map(_distributions, _ORDER))):
        try:
            distribution(name)
        except PackageNotFoundError:
            raise _error(name, ALL) from None


def _error(top: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"this command needs {top}, which is not installed; install the extra that has it: "
        f"pip install 'counterfoil[{extra}]'"
    )


def _distributions(extra: str) -> set[str]:
    """List the packages that the extra installs, by the installed metadata."""
    try:
        listed = requires("counterfoil") or []
    except PackageNotFoundError:
        return set()
    found = filter(None, map(_REQUIREMENT.fullmatch, listed))
    return {_canonical(match[1]) for match in found if match[2] == extra}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
