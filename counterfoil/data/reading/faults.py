"""Report what is wrong with a table: all of it to its owner, and names and counts to everybody else.

The owner's form is a page beside its table (`page`). The other is the text of an exception, which may end up in a
coordinator's database: it names file, column, rule and remedy, and never a cell. Knows nothing of how faults are found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from counterfoil.data.reading import page
from counterfoil.errors import DataError
from counterfoil.governance.contracts.contract import Contract

_MOST = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that does not hold, and where. Rows count from 1; `rows` and `cells` are the first few of `count`."""

    error: type[DataError]
    column: str | None
    rule: str
    remedy: str
    count: int | None = None
    rows: tuple[int, ...] = field(default=(), repr=False)
    cells: tuple[str, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """What may leave the owner: no cells, no row numbers."""
        where = f"column {self.column}" if self.column else "table"
        found = "" if self.count is None else f" does not hold in {self.count} row{'s' if self.count != 1 else ''}"
        return f"{where}: {self.rule}{found}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one table, collected so that its owner can mend them all at once."""

    source: str
    contract: Contract
    page: Path
    found: list[Fault] = field(default_factory=list, repr=False)

    def refuse(self) -> None:
        """Refuse the table if faults were found, after writing the page, for the owner's eyes alone.

        Raises: the class of DataError that the first fault names.
        """
        if not self.found:
            return
        contract = f"{self.contract.id} {self.contract.version}"
        page.write(self.page, "reading/page.html", source=self.source, contract=contract, faults=self.found)
        lines = [fault.text for fault in self.found[:_MOST]]
        if len(self.found) > _MOST:
            lines.append(f"and {len(self.found) - _MOST} more")
        raise self.found[0].error(
            f"{self.source} does not satisfy contract {self.contract.id} {self.contract.version}:\n"
            + "".join(f"({number}) {line}\n" for number, line in enumerate(lines, 1))
            + f"Details are in {self.page.name} beside it"
        )
