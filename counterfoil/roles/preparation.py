"""What an owner makes of its table for an agreement, up to the arrays that are split: the same in a trial and in a job.

Knows no exchange and keeps nothing. A table that a trial takes through every step is one that a job accepts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.checking.expectations import Validation, load_valid
from counterfoil.data.minimising.minimise import Minimised
from counterfoil.data.minimising.protect import protect
from counterfoil.data.reading.table import Table
from counterfoil.data.row_tags import with_tags, without_identifiers
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import AgreementError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.signatures import meaning
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.cumulative.source_tables import lease_days
from counterfoil.governance.documents import did_you_mean
from counterfoil.governance.jobs.manifest import ArraySpec
from counterfoil.governance.jobs.submission import check_arrays
from counterfoil.joint.computation import analyses, array_specs, local_parts
from counterfoil.joint.table_changes import NAME as CHANGES
from counterfoil.roles.table_comparison import Known, changes_since

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Preparation:
    """The steps of one table, under one contract of an agreement, for one period.

    Files are written as those of `party`. `tag_key` and `link_key` give the keys for tags of rows and for pseudonyms,
    and are asked where one is needed.
    """

    terms: Agreement
    contract: str
    period: str
    tag_key: Callable[[], bytes]
    link_key: Callable[[], bytes]
    party: str = ""

    @property
    def leased(self) -> int | None:
        """For how many days the table's exact numbers go to this agreement alone; None where it takes none."""
        return lease_days(self.terms, self.contract, self.period)

    def check(self, path: Path) -> tuple[Table, Validation]:
        """Read the file, and check that it satisfies the contract.

        Raises: DataError and its kin; ContractError for a rule that cannot be checked.
        """
        contract = self.terms.contracts[self.contract]
        return load_valid(path, contract, contract.unit if self.leased is not None else (), self.party)

    def minimise(self, table: Table, page: Path) -> Minimised:
        """Keep only what a planned analysis needs, as coarse as the contract asks for; `page` tells the owner how.

        Raises: AnonymityError, RefusedError, PlanError.
        """
        plans = self.terms.analyses
        needed = {column for plan in plans if plan.contract == self.contract for column in plan.needed}
        key = self.link_key() if self.terms.links else None
        if self.leased is not None:
            table = with_tags(table, self.tag_key())
        table = without_identifiers(table)
        return protect(table, needed, page, key)

    def encode(
        self, table: Table, known: Sequence[Known] = ()
    ) -> tuple[Mapping[str, NDArray[np.int64]], Mapping[str, ArraySpec]]:
        """Make every array that the analyses ask for, with what each is described as.

        `known` are the states since which it is counted what changed.

        Raises: PlanError, ShapeError, OutOfBoundsError.
        """
        arrays = local_parts(self.terms, self.contract, table)
        if known and self.contract in guarded(self.terms):
            arrays[CHANGES] = changes_since(layouts(analyses(self.terms))[self.contract], table, known)
        specs = array_specs(self.terms, self.contract, table.rows, [each.name for each in known])
        check_arrays(arrays, specs)
        return arrays, specs


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a trial: what was checked, what of the rows would leave, and in how many numbers."""

    checked: Validation
    kept: Minimised
    numbers: int


def try_table(
    path: Path, terms: Agreement, contract: str, period: str, party: str = "", tag_key: bytes | None = None
) -> Tried:
    """Take the party's file through all that a job does before anything leaves, with keys that are thrown away.

    Rows are tagged under `tag_key`, if it is given, as those that its home remembers are.

    Raises: as a job does: DataError and its kin, AnonymityError, RefusedError, PlanError, ContractError.
    """
    keys: dict[str, bytes] = {}
    steps = Preparation(
        terms,
        contract,
        period,
        lambda: tag_key or keys.setdefault("tags", os.urandom(_KEY_BYTES)),
        lambda: keys.setdefault("links", os.urandom(_KEY_BYTES)),
        party,
    )
    table, checked = steps.check(path)
    kept = steps.minimise(table, path.with_suffix(".risk.html"))
    arrays, _ = steps.encode(kept.table)
    return Tried(checked, kept, sum(array.size for array in arrays.values()))


def contract_in(terms: Agreement, contract: Contract) -> str:
    """Find the agreement's name of the contract, which is there in the same meaning. Raises: AgreementError."""
    for name, each in terms.contracts.items():
        if each.digest == contract.digest or meaning(each) == meaning(contract):
            return name
    known = {each.id for each in terms.contracts.values()}
    if contract.id in known:
        raise AgreementError(
            f"{terms.source}: rests on another version of the contract {contract.id} than {contract.source}; see what "
            "differs: counterfoil contract diff"
        )
    raise AgreementError(
        f"{terms.source}: does not rest on the contract {contract.id}{did_you_mean(contract.id, known)}; it rests on "
        f"{', '.join(sorted(known))}"
    )
