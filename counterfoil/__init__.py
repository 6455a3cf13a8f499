"""Counterfoil: joint analyses on data that organisations may not show each other.

This package is the library: it knows nothing of Prefect, so that it can be installed and audited alone.

In Python and notebooks:

* `counterfoil.rehearse(agreement, tables)` runs an agreement's whole job in this process, and returns DataFrames;
* `counterfoil.open(path)` verifies what was released to a recipient, and returns it as DataFrames.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "open": ("counterfoil.roles.recipient.results", "open_results"),
    "rehearse": ("counterfoil.rehearsal.rehearse", "rehearse"),
}
"""Where what is public is: it is imported when it is first used. `__init__.pyi` tells type checkers."""

__all__ = ["open", "rehearse"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _PUBLIC[name]
    return getattr(import_module(module), function)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
