"""Every way in which a contract, a party or a job can fail, each with a class and an exit code of its own.

A class exists where a caller acts differently. Messages name the file, the field or the party, the rule, and what to
change; they carry names, sizes and digests, never a value of a table or a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CounterfoilError(Exception):
    """Base of every error that Counterfoil raises on purpose."""

    exit_code: ClassVar[int] = 1


# --- documents: 10-39 -------------------------------------------------------------------------------------------


class DocumentError(CounterfoilError):
    """A document cannot be read: not the expected format, too large, nested too deep, unknown or missing fields."""

    exit_code = 10


class ContractError(DocumentError):
    """A data contract breaks a rule of its schema, or contradicts itself."""

    exit_code = 11


class AgreementError(DocumentError):
    """An agreement breaks a rule of its schema, or does not fit its contracts or its roster."""

    exit_code = 12


class RosterError(DocumentError):
    """The roster breaks a rule of its schema, or does not list a party or key that is needed."""

    exit_code = 13


class TextError(DocumentError):
    """A text of a document holds a character that its readers would not see, or that spoils what is around it."""

    exit_code = 14


class AmbiguousError(DocumentError):
    """A name that was shortened could be that of several things."""

    exit_code = 17


class DeploymentError(CounterfoilError):
    """A deployment cannot be made as its file says: a variable is not set, or its work pool is of another type."""

    exit_code = 18


class EntryPointError(CounterfoilError):
    """A deployment names a flow that is not installed here."""

    exit_code = 19


class KeySpellingError(CounterfoilError):
    """Keys of people are spelt by other rules than those of what they are to be compared or computed with."""

    exit_code = 27


class SignatureError(CounterfoilError):
    """A document is unsigned, signed by somebody else, or was altered after it was signed."""

    exit_code = 30


class ExpiredError(CounterfoilError):
    """A contract, agreement, roster, submission or key is past its last day, or not valid yet."""

    exit_code = 31


class ReplayError(CounterfoilError):
    """Something that counts once came a second time: a submission, a job, an attempt, a decision."""

    exit_code = 32


class CorrectionError(ReplayError):
    """One submission of an owner counts for a period: a second one, a correction too late, or one corrected since."""

    exit_code = 28


class RefusedError(CounterfoilError):
    """What was asked for is not what the signed documents allow."""

    exit_code = 33


class WithdrawnError(CounterfoilError):
    """A party withdrew from the agreement, which binds nobody any more."""

    exit_code = 34


class RevokedError(CounterfoilError):
    """A key that an agreement was signed with is not in the latest roster any more."""

    exit_code = 35


class BudgetError(CounterfoilError):
    """Noised results would tell a recipient more than its privacy budget allows, or were not charged to it."""

    exit_code = 36


class LimitError(RefusedError):
    """A limit of the agreement is reached: a column that it does not admit, one computation more than it allows."""

    exit_code = 37


class ReviewDueError(CounterfoilError):
    """An agreement, or what it rests on, is past its review date, and not every party has reaffirmed it since."""

    exit_code = 38


# --- data at its owner: 40-49 -----------------------------------------------------------------------------------


class DataError(CounterfoilError):
    """A table does not satisfy its contract."""

    exit_code = 40


class MissingColumnError(DataError):
    """A column that the contract requires is not in the file."""

    exit_code = 41


class WrongTypeError(DataError):
    """A column holds something that is not of its declared type."""

    exit_code = 42


class OutOfBoundsError(DataError):
    """A column holds values outside its declared bounds."""

    exit_code = 43


class UnknownCategoryError(DataError):
    """A column holds values that are not among its declared categories."""

    exit_code = 44


class DuplicateKeyError(DataError):
    """A column that is declared unique holds a value twice."""

    exit_code = 45


class MissingValueError(DataError):
    """A column that is declared required has empty cells."""

    exit_code = 46


class QualityRuleError(DataError):
    """A quality rule of the contract does not hold."""

    exit_code = 47


class UnreadableTableError(DataError):
    """A file is not a CSV or Parquet file that can be read within the limits: empty, damaged, cut off or too large."""

    exit_code = 48


class AnonymityError(DataError):
    """A table, even minimised, is less anonymous than its contract demands."""

    exit_code = 49


# --- plans: 50-59 -----------------------------------------------------------------------------------------------


class PlanError(CounterfoilError):
    """An analysis cannot run as it is described."""

    exit_code = 50


class ShapeError(PlanError):
    """Shapes of operands disagree, or a vector is empty where it must not be."""

    exit_code = 51


class RangeError(PlanError):
    """A value could wrap around the ring, by the bounds that the contract declares, or a function could not keep its
    stated error."""

    exit_code = 52


class PeriodTableError(PlanError):
    """An earlier period's job asks for the table of then, and its owner has none."""

    exit_code = 56


# --- links and attempts: 60-69 ----------------------------------------------------------------------------------


class TransportError(CounterfoilError):
    """The link to a peer failed. The attempt is over; a new attempt may follow."""

    exit_code = 60


class PeerTimeoutError(TransportError):
    """A peer did not answer within the time-out."""

    exit_code = 61


class PeerLostError(TransportError):
    """A peer closed its link or died."""

    exit_code = 62


class PeerIdentityError(TransportError):
    """Whoever answered at a peer's address does not hold the key that the roster pins."""

    exit_code = 63


class PeerCertificateError(PeerIdentityError):
    """A certificate on a link is past its days or not valid yet, by the clock of whoever looks at it."""

    exit_code = 65


class ListenError(TransportError):
    """This party cannot take calls where it is to listen: the port is in use, or the address is not its machine's."""

    exit_code = 57


class AttemptError(CounterfoilError):
    """The nodes do not agree on what they are about to compute, or the attempt is stale."""

    exit_code = 64


class StageError(CounterfoilError):
    """A stage that the coordinator ordered failed at some parties."""

    exit_code = 66

    def __init__(self, message: str, failures: Mapping[str, str]) -> None:
        super().__init__(message)
        self.failures = dict(failures)
        """The name of the state that the stage ended in, by party."""


class BusyNodeError(CounterfoilError):
    """A node computes another job, which did not end in time. Nothing of this one was begun; it may be tried again."""

    exit_code = 67


class UnreachableError(CounterfoilError):
    """The Prefect server does not answer at the address that a party was given, or what answers is something else."""

    exit_code = 68


# --- integrity: 70-79, final until a person looks ---------------------------------------------------------------


class IntegrityError(CounterfoilError):
    """Something is not what it must be, and no retry may hide that."""

    exit_code = 70


class CheatingDetected(IntegrityError):  # noqa: N818 (the field's word)
    """A message, a key or a share is not what an honest peer would have sent."""

    exit_code = 71


class LedgerError(IntegrityError):
    """A value was about to be opened that the leakage statement does not declare."""

    exit_code = 72


class TamperedError(IntegrityError):
    """A stored blob, a log or a release was changed after it was written."""

    exit_code = 73


class SealError(IntegrityError):
    """A sealed envelope does not open: it is for somebody else, for another purpose, or was changed."""

    exit_code = 74


class ForkedError(TamperedError):
    """A party signed two histories of its own log. `proof` shows it to anybody who knows its key."""

    exit_code = 75

    def __init__(self, message: str, proof: bytes) -> None:
        super().__init__(message)
        self.proof = proof


# --- review and release: 80-89 ----------------------------------------------------------------------------------


class ReviewError(CounterfoilError):
    """A decision cannot be counted."""

    exit_code = 80


class NotApprovedError(ReviewError):
    """Fewer valid approvals than the agreement asks for."""

    exit_code = 81


class NotEntitledError(CounterfoilError):
    """Whoever asks is not a recipient of this output."""

    exit_code = 82


class NotWitnessedError(CounterfoilError):
    """A log entry that others must have cosigned before anything follows on it is not cosigned by all of them."""

    exit_code = 83


class ReleaseExpiredError(CounterfoilError):
    """A release lay for as long as the agreement keeps releases; it is not opened any more."""

    exit_code = 84


class ReleaseRevokedError(CounterfoilError):
    """A node took a release back before its recipient had fetched it."""

    exit_code = 85


class DisclosureError(CounterfoilError):
    """A release would, together with earlier ones, say too much about too few rows."""

    exit_code = 86


class DifferenceError(DisclosureError):
    """A release's rows differ from those of an earlier one, by too few."""

    exit_code = 87


class ReconstructionError(DisclosureError):
    """So many exact numbers about so few rows would be known that the rows could be worked out."""

    exit_code = 88


# --- storage: 90-99 ---------------------------------------------------------------------------------------------


class StoreError(CounterfoilError):
    """A home folder, a vault or an exchange cannot be read or written."""

    exit_code = 90


class NotFoundError(StoreError):
    """A named document, blob or job is not there."""

    exit_code = 91


class BusyError(StoreError):
    """Another process of this party holds what is needed."""

    exit_code = 92


class ConfinementError(CounterfoilError):
    """A file of a stranger cannot be parsed where that stranger could do no harm: the kernel lacks what is demanded."""

    exit_code = 93


class PlantedError(StoreError):
    """A link, a pipe or whatever is no ordinary file or folder is in the way of a name that others can write."""

    exit_code = 94


# --- faults of our own: 100 -------------------------------------------------------------------------------------


class InternalError(CounterfoilError):
    """A fault of Counterfoil itself. Its traceback stays in the party's own errors file."""

    exit_code = 100
