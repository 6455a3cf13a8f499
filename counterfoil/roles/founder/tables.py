"""Profile the tables that owners have, and join the profiles of one contract's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from counterfoil.data.drafting.draft import found_out
from counterfoil.data.drafting.join import conflicts, join
from counterfoil.data.drafting.profile import Profile, profile
from counterfoil.errors import DocumentError
from counterfoil.roles.founder.choices import TableFile


def profiles(files: Iterable[TableFile]) -> dict[str, Profile]:
    """Profile every file, on this machine alone; return what those of each contract have in common.

    Raises: UnreadableTableError; DocumentError, a line for each thing that keeps a contract's files apart.
    """
    found: dict[str, list[tuple[str, Profile]]] = {}
    for file in files:
        said = f"{file.owner}: {file.path.name}"
        found.setdefault(file.contract, []).append((said, profile(file.path, said)))
    if refused := [line for seen in found.values() for line in _refused(seen)]:
        raise DocumentError("\n".join(refused))
    return {
        contract: replace(join([each for _, each in seen]), written=seen[0][1].written)
        for contract, seen in found.items()
    }


def _refused(seen: Sequence[tuple[str, Profile]]) -> Iterator[str]:
    (first, one), *others = seen
    for name, other in others:
        if found_out(other.written) != found_out(one.written):
            how = "; ".join(f"{file} with {_told(each)}" for file, each in ((first, one), (name, other)))
            yield (
                f"files of one contract are written in different ways: {how}. Save them alike, or draft the contract "
                "with `counterfoil contract new` and say under its servers how each party's files are written"
            )
    for each in conflicts(seen):
        yield (
            f"{seen[each.at][0]}: {each.text}; give the files the same columns, written alike, or call those of "
            "another table by another name"
        )


def _told(seen: Profile) -> str:
    found = found_out(seen.written)
    return ", ".join(f"{what} {how!r}" for what, how in found.items()) or "commas and points, in UTF-8"
