"""The steps of a job at a node: what each leaves is kept, so that a later attempt goes on where all nodes were.

Checkpoints lie in the node's vault, under the job's key, until a draft takes their place. Their names and encryption
bind all that the nodes mean alike, so that one from before anything of that changed is no checkpoint of this
computation: the software, the budgets, the releases that are remembered. Knows no analysis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final

from counterfoil.canonical import digest
from counterfoil.joint.computation import JointComputation
from counterfoil.joint.progress import Progress
from counterfoil.mpc.session.session import Session
from counterfoil.mpc.session.step_checkpoint import Shelf
from counterfoil.storage.vault import Vault

_NAME: Final = re.compile(r"step-(\d{4}-\d{10}(?:-shares)?)-[0-9a-f]{32}")


class Steps:
    """The steps that an attempt has behind it, in its own time or by a checkpoint that the session resumes from."""

    def __init__(self, session: Session, joint: JointComputation, attempt: int) -> None:
        """Resume from the checkpoint. Raises: TamperedError, CheatingDetected when it is not what was kept."""
        self.joint = joint
        self._session, self._attempt = session, attempt
        #: what each step gave, and the attempt that computed it
        self._done: dict[str, tuple[int, int]] = {}
        if session.resumed:
            kept = session.resume()
            said: Any = kept.said
            joint.progress = Progress.of(kept.shares, said["joint"])
            self._done = {step: (given, attempt) for step, (given, attempt) in said["done"].items()}
        #: how many steps earlier attempts have done
        self.kept = len(self._done)
        #: those of them that this attempt has not come by yet
        self._ahead = set(self._done)

    def __contains__(self, step: str) -> bool:
        return step in self._done

    def do(self, step: str, compute: Callable[[], int]) -> int:
        """Do the step, unless it is done, and return what it gives. From here on all nodes hold what it left.

        Cost: that of the step and of `Checkpoints.keep`, unless an earlier attempt has done it.
        Raises: as the step; CheatingDetected, AttemptError, StoreError, NotFoundError if the job was erased meanwhile.
        """
        if step in self._ahead:
            self._ahead.remove(step)
        else:
            self._done[step] = compute(), self._attempt
            progress = self.joint.progress
            self._session.keep(len(self._done), progress.shares(), {"done": self._done, "joint": progress.said()})
        return self.given(step)

    def given(self, step: str) -> int:
        """Say what the step gave; 0 if it is not done."""
        return self._done.get(step, (0, 0))[0]

    def attempt_of(self, step: str) -> int:
        """Return the attempt that computed the step; 0 if none did."""
        return self._done.get(step, (0, 0))[1]


def shelf_of(vault: Vault, job: str, meant: bytes) -> Shelf:
    """Return the checkpoints of the job's attempts that mean this."""
    binding = digest(meant)[:32]

    def item(name: str) -> str:
        # No plan is called so: the binding depends on the agreement, and so on the names of its plans.
        return f"step-{name}-{binding}"

    def names() -> list[str]:
        found = (_NAME.fullmatch(each) for each in vault.names(job) if each.endswith(binding))
        return [match[1] for match in found if match]

    return Shelf(
        names=names,
        load=lambda name: vault.load(job, item(name), aad=meant),
        keep=lambda name, arrays: vault.keep(job, item(name), arrays, aad=meant),
        drop=lambda name: vault.remove(job, item(name)),
    )


def clear_steps(vault: Vault, job: str, plans: Collection[str], *, but: bytes | None = None) -> None:
    """Clear the vault of checkpoints of the job, but for those of attempts that mean this; results of plans stay."""
    kept = f"-{digest(but)[:32]}" if but is not None else None
    for each in vault.names(job):
        if _NAME.fullmatch(each) and each not in plans and not (kept and each.endswith(kept)):
            vault.remove(job, each)
