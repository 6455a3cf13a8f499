"""What is ordered of a Prefect server, by one that only remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.filters import FlowFilter
from prefect.exceptions import ObjectNotFound

from counterfoil.errors import DeploymentError, NotFoundError
from counterfoil_prefect.deployments import orders

RUN = UUID(int=7)
AT = ("bank-b", "bank-a")
SCHEMAS: Mapping[str, Any] = {
    "agree": {"type": "object", "properties": {"period": {}, "agreement": {}}, "required": ["agreement"]},
    "witness": {"type": "object", "properties": {}},
    "foreign": None,
}


class Server:
    def __init__(self, **_: object) -> None:
        self.ordered: list[Mapping[str, Any]] = []

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None: ...

    def read_deployment_by_name(self, name: str) -> object:
        stage, _, party = name.partition("/")
        if stage not in SCHEMAS or party not in AT:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(id=name, parameter_openapi_schema=SCHEMAS[stage])

    def read_deployments(self, *, flow_filter: FlowFilter) -> list[SimpleNamespace]:
        assert flow_filter.name and flow_filter.name.any_
        return [SimpleNamespace(name=party) for party in AT if flow_filter.name.any_[0] in SCHEMAS]

    def create_flow_run_from_deployment(self, deployment: str, **about: object) -> object:
        self.ordered.append({"deployment": deployment, **about})
        return SimpleNamespace(id=RUN)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(orders, "get_client", lambda **_: made)
    monkeypatch.setattr(orders, "address", lambda: "http://127.0.0.1:1/api")
    return made


def test_a_parameter_that_there_is_not_is_refused_before_anything_is_ordered(server: Server) -> None:
    told = "agree/bank-a has no parameter unknown; --set gives it any of: agreement, period"
    with pytest.raises(DeploymentError, match=f"^{told}$"):
        orders.order("agree", "bank-a", ["agreement=x", "unknown=1"])
    with pytest.raises(DeploymentError, match="has no parameter a, b; --set gives it any of: none"):
        orders.order("witness", "bank-a", ["b=1", "a=2"])
    assert not server.ordered


def test_parameters_that_there_are_and_those_of_a_foreign_deployment_are_left_to_the_server(server: Server) -> None:
    assert orders.order("agree", "bank-a", ["agreement=x", "period=2026-w47"]) == RUN
    assert orders.order("foreign", "bank-a", ["any=1"]) == RUN
    assert [each["parameters"] for each in server.ordered] == [
        {"agreement": "x", "period": "2026-w47"},
        {"any": "1"},
    ]


def test_a_party_that_has_no_such_stage_is_answered_with_those_that_have_it(server: Server) -> None:
    with pytest.raises(NotFoundError, match="agree is at bank-a, bank-b: choose one with --at"):
        orders.order("agree", "nobody")
    with pytest.raises(NotFoundError, match="put it there: counterfoil deploy exposure"):
        orders.order("agree", "nobody", about={"agreement": "exposure"})
    with pytest.raises(NotFoundError, match="put it there: counterfoil deploy AGREEMENT"):
        orders.order("nothing", "bank-a")
    assert not server.ordered
