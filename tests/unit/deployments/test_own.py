"""What runs where under an own agreement, as `counterfoil deploy AGREEMENT` puts it on a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil_prefect.deployments.deploy import _resolved
from counterfoil_prefect.deployments.own import deployments_of, roles_of, under
from counterfoil_prefect.flows.stages import STAGES
from tests.unit.conftest import Consortium


@pytest.fixture
def agreement(shared: Consortium) -> Agreement:
    return shared.agreement


REF = Ref("agreement", "bank-a", "0" * 64)


def test_each_party_has_the_stages_of_the_roles_that_the_agreement_gives_it(agreement: Agreement) -> None:
    roles = roles_of(agreement)
    assert set(roles) == {*agreement.owners, *agreement.nodes, agreement.coordinator}
    for item in deployments_of(agreement, REF):
        stage = STAGES[item["entrypoint"].rpartition(":")[2]]
        party = item["work_pool"]["name"]
        assert set(roles[party]) & set(stage.roles)
        assert item["name"] in (party, under(party, agreement.id))


def test_a_party_that_is_owner_and_node_has_each_stage_once(agreement: Agreement) -> None:
    both = replace(agreement, nodes=agreement.owners[:3], coordinator=agreement.owners[0])
    named = [(item["entrypoint"], item["name"]) for item in deployments_of(both, REF)]
    assert len(named) == len(set(named))
    assert roles_of(both)[both.owners[0]] == ("owner", "node", "coordinator")


def test_the_server_starts_jobs_by_the_agreements_schedule_under_its_name(agreement: Agreement) -> None:
    monthly = replace(agreement, schedule=Schedule("month", 10, 6, 30))
    found = {item["name"]: item for item in deployments_of(monthly, REF) if item["entrypoint"].endswith(":collaborate")}
    own = found[under(agreement.coordinator, agreement.id)]
    assert own["schedules"] == [{"cron": "30 6 10 * *", "timezone": "UTC", "slug": "periods"}]
    assert own["parameters"] == {"agreement": str(REF)}
    assert "schedules" not in found[agreement.coordinator]  # what orders the next period names the agreement itself


def test_two_agreements_of_the_same_parties_do_not_take_each_others_schedules(agreement: Agreement) -> None:
    other = replace(agreement, id="other")
    one, two = (
        {(item["entrypoint"], item["name"]): item for item in deployments_of(each, REF)} for each in (agreement, other)
    )
    for shared in one.keys() & two.keys():
        assert one[shared] == two[shared]
    assert any(name.endswith(".other") for _, name in two) and len(one) == len(two)


def test_prefect_takes_every_one_of_them(agreement: Agreement) -> None:
    for item in deployments_of(agreement, REF):
        assert _resolved(item, "agreement")["flow"].name == item["entrypoint"].rpartition(":")[2]
