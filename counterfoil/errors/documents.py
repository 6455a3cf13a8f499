"""Documents that cannot be read, do not bind, or do not allow what was asked for: 10 to 39."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class DocumentError(CounterfoilError):
    """A document cannot be read: not the expected format, too large, nested too deep, unknown or missing fields."""

    exit_code = 10
    remedy = "Mend the document at the line named; `counterfoil help agreement` and its kin list the fields."


class ContractError(DocumentError):
    """A data contract breaks a rule of its schema, or contradicts itself."""

    exit_code = 11
    remedy = "Mend each line named, and check again: `counterfoil contract lint FILE`."


class AgreementError(DocumentError):
    """An agreement breaks a rule of its schema, or does not fit its contracts or its roster."""

    exit_code = 12
    remedy = "Mend each line named, and check again: `counterfoil agreement lint FILE`."


class RosterError(DocumentError):
    """The roster breaks a rule of its schema, or does not list a party or key that is needed."""

    exit_code = 13
    remedy = "Ask the party for its card, and fill the roster in again: `counterfoil roster new`."


class TextError(DocumentError):
    """A text of a document holds a character that its readers would not see, or that spoils what is around it."""

    exit_code = 14
    remedy = "Remove the character at the line named, or write it out in plain letters."


class AmbiguousError(DocumentError):
    """A name that was shortened could be that of several things."""

    exit_code = 17
    remedy = "Write the name out, or more of it."


class DeploymentError(CounterfoilError):
    """A deployment cannot be made as its file says: a variable is not set, or its work pool is of another type."""

    exit_code = 18
    remedy = "Set the variable, or delete the work pool of the wrong type, and deploy again."


class EntryPointError(CounterfoilError):
    """A deployment names a flow that is not installed here, or a package adds a command that cannot be run."""

    exit_code = 19
    remedy = "Install or update the package that the line names, or uninstall it."


class KeySpellingError(CounterfoilError):
    """Keys of people are spelt by other rules than those of what they are to be compared or computed with."""

    exit_code = 27
    remedy = "Agree on one spelling of keys in both contracts, or name the former one in `formerKeySpelling`."


class SignatureError(CounterfoilError):
    """A document is unsigned, signed by somebody else, or was altered after it was signed."""

    exit_code = 30
    remedy = "Have the party named sign: `counterfoil agreement sign`; if it did, compare its card with the roster."


class ExpiredError(CounterfoilError):
    """A contract, agreement, roster, submission or key is past its last day, or not valid yet."""

    exit_code = 31
    remedy = "Compare this machine's clock first; then agree on a next version and have it signed."


class ReplayError(CounterfoilError):
    """Something that counts once came a second time: a submission, a job, an attempt, a decision."""

    exit_code = 32
    remedy = "Nothing: what counts once has counted. Start a new job or attempt for another."


class CorrectionError(ReplayError):
    """One submission of an owner counts for a period: a second one, a correction too late, or one corrected since."""

    exit_code = 28
    remedy = "Hand in the table that counts, or allow corrections in the agreement."


class RefusedError(CounterfoilError):
    """What was asked for is not what the signed documents allow."""

    exit_code = 33
    remedy = "Ask for what the agreement allows, or change the agreement and have all sign."


class WithdrawnError(CounterfoilError):
    """A party withdrew from the agreement, which binds nobody any more."""

    exit_code = 34
    remedy = "Write a next agreement without the party that left, and have all sign it."


class RevokedError(CounterfoilError):
    """A key that an agreement was signed with is not in the latest roster any more."""

    exit_code = 35
    remedy = "Agree anew under the latest roster."


class BudgetError(CounterfoilError):
    """Noised results would tell a recipient more than its privacy budget allows, or were not charged to it."""

    exit_code = 36
    remedy = "Wait for the next budget, ask for more noise, or agree on a larger budget."


class LimitError(RefusedError):
    """A limit of the agreement is reached: a column that it does not admit, one computation more than it allows."""

    exit_code = 37
    remedy = "Leave the column or computation out, or raise the limit in a next version of the agreement."


class ReviewDueError(CounterfoilError):
    """An agreement, or what it rests on, is past its review date, and not every party has reaffirmed it since."""

    exit_code = 38
    remedy = "Every party looks at the agreement: `counterfoil agreement reaffirm`."
