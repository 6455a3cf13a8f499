"""Step: make sure that the agreement binds this party."""

from __future__ import annotations

from datetime import date

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.in_force import RUN, load
from counterfoil.governance.agreements.signing.reaffirmation import check_reviewed
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.joint.computation import analyses
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task


def signed(agreement: Ref, today: date) -> SignedAgreement:
    """Verify the agreement anew from the exchange: every signature, digest and date, and that nobody withdrew."""
    return load(home(), agreement, for_=RUN, today=today)


@mpc_task(name="verify", version=2)
def verify(agreement: Ref) -> Ref:
    """Verify that the agreement is signed by all, in force, reviewed in time, and able to run; return its reference."""
    today = clock.today()
    terms = signed(agreement, today).terms
    check_reviewed(terms, home().exchange, today)
    plans = analyses(terms)
    home().log.append(
        "agreement-verified",
        subject=terms.id,
        refs={"agreement": str(agreement)},
        counts={"parties": len(terms.parties), "analyses": len(plans)},
    )
    return agreement
