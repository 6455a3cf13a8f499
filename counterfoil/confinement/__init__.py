"""Confine a process that parses what strangers wrote to its memory and its open descriptors.

Two measures of the Linux kernel overlap: seccomp refuses system calls, Landlock refuses whatever calls lead to. The
first suffices, and is demanded unless the operator says otherwise; the second is there should a call be missed.
"""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from counterfoil.confinement import landlock, privileges, seccomp
from counterfoil.confinement.privileges import withhold_memory
from counterfoil.errors import ConfinementError

__all__ = ["CONFINEMENT", "DEMANDS", "MEASURES", "close_off", "confine", "demanded", "tell_lacking", "withhold_memory"]

CONFINEMENT: Final = "COUNTERFOIL_CONFINEMENT"
"""Names the measures that must be had, in the environment of the process that starts confined ones."""

MEASURES: Final = ("seccomp", "landlock")
DEMANDS: Final = {"full": MEASURES, "": ("seccomp",), "reduced": ()}

_LOGGER = logging.getLogger("counterfoil.confinement")


def demanded() -> tuple[str, ...]:
    """Return the measures without which nothing is parsed here. Raises: ConfinementError for words that mean none."""
    word = os.environ.get(CONFINEMENT, "")
    if word not in DEMANDS:
        raise ConfinementError(
            f"{CONFINEMENT} is none of full, reduced or empty; full demands seccomp and Landlock, empty seccomp alone"
        )
    return DEMANDS[word]


def close_off() -> None:
    """Keep this process, which has no other thread yet, and its later threads from changing what others hold.

    It may still read, so that what it needs can be imported. What the kernel lacks is for `confine` to say.
    Raises: OSError.
    """
    privileges.gain_none()
    privileges.withhold_memory()
    with suppress(OSError):
        landlock.restrict(reading=False)
    privileges.drop(keep=privileges.CAP_DAC_READ_SEARCH)  # root may import what it may only search


def confine(limits: Mapping[int, int], needed: Collection[str] = DEMANDS[""]) -> tuple[str, ...]:
    """Confine this process to its memory, threads, and open descriptors, within limits that nobody can raise.

    It reaches no path, process or socket; `limits` are those of `resource`. Return what the kernel lacks of the
    measures that are not needed. Raises: ConfinementError where it lacks one that is; OSError.
    """
    privileges.gain_none()
    privileges.withhold_memory()
    lacking = []
    try:
        landlock.restrict(reading=True)
    except OSError as error:
        lacking.append(_lacks("landlock", error, needed))
    for what, limit in limits.items():
        resource.setrlimit(what, (limit, limit))
    privileges.drop()
    try:
        seccomp.restrict()
    except OSError as error:
        lacking.append(_lacks("seccomp", error, needed))
    return tuple(lacking)


def _lacks(name: str, error: OSError, needed: Collection[str]) -> str:
    if name in needed:
        raise ConfinementError(_refusal(name, error)) from None
    return name


def _refusal(name: str, error: OSError) -> str:
    remedy = {
        "seccomp": f"run it on Linux on x86-64 or ARM64, or accept with {CONFINEMENT}=reduced what remains",
        "landlock": f"run it on Linux 5.13 or later with Landlock on, or do without it: leave {CONFINEMENT} empty",
    }
    return (
        f"files are parsed in a confined process alone, and {name} is not to be had ({error.strerror}); {remedy[name]}"
    )


@cache
def tell_lacking(name: str) -> None:
    """Warn, once in a process, that files are parsed without this measure."""
    _LOGGER.warning(
        "files are parsed without %s, which this kernel lacks; docs/threat-model.md says what remains", name
    )
