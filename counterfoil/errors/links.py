"""Links between nodes, and attempts and stages of a job: 60 to 69."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.errors.base import CounterfoilError


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
