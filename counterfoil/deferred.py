"""Import an outside library when it is first used, in modules that also serve where it is not installed.

Who plans, explains or signs an analysis has no table: what reads and shows tables is then neither needed nor loaded.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stand for a module until something of it is asked for. Raises: ModuleNotFoundError then, where it is absent."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what tools ask of every module loads none
            raise AttributeError(name)
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


def deferred(module: str) -> ModuleType:
    """Return what stands for the module, and imports it when something of it is first used."""
    return _Deferred(module)
