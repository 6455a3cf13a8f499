"""Links between nodes, and attempts and stages of a job: 60 to 69."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.errors.base import CounterfoilError


class TransportError(CounterfoilError):
    """The link to a peer failed. The attempt is over; a new attempt may follow."""

    exit_code = 60
    remedy = "Start the job again; if it fails anew, check the link between the two nodes."


class PeerTimeoutError(TransportError):
    """A peer did not answer within the time-out."""

    exit_code = 61
    remedy = "See that the peer runs and that its address in the roster is reached."


class PeerLostError(TransportError):
    """A peer closed its link or died."""

    exit_code = 62
    remedy = "See why the peer ended, in its own log; then start the job again."


class PeerIdentityError(TransportError):
    """Whoever answered at a peer's address does not hold the key that the roster pins."""

    exit_code = 63
    remedy = "Compare the address in the roster with where the peer listens; ask it for its card."


class PeerCertificateError(PeerIdentityError):
    """A certificate on a link is past its days or not valid yet, by the clock of whoever looks at it."""

    exit_code = 65
    remedy = "Set the clock; else renew the keys: `counterfoil party rotate`."


class ListenError(TransportError):
    """This party cannot take calls where it is to listen: the port is in use, or the address is not its machine's."""

    exit_code = 57
    remedy = "End what holds the port, or listen elsewhere: `counterfoil party listen`."


class AttemptError(CounterfoilError):
    """The nodes do not agree on what they are about to compute, or the attempt is stale."""

    exit_code = 64
    remedy = "Start the job again, so that all nodes begin one attempt."


class StageError(CounterfoilError):
    """A stage that the coordinator ordered failed at some parties."""

    exit_code = 66
    remedy = "Read the error of each party named; mend what it says, and start the job again."

    def __init__(self, message: str, failures: Mapping[str, str]) -> None:
        super().__init__(message)
        self.failures = dict(failures)
        """The name of the state that the stage ended in, by party."""


class BusyNodeError(CounterfoilError):
    """A node computes another job, which did not end in time. Nothing of this one was begun; it may be tried again."""

    exit_code = 67
    remedy = "Try again once the other job has ended."


class UnreachableError(CounterfoilError):
    """The Prefect server does not answer at the address that a party was given, or what answers is something else."""

    exit_code = 68
    remedy = "Start the Prefect server, or set PREFECT_API_URL to its address."
