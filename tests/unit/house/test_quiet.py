"""Nothing that runs here tells its makers, or shows their adverts, whichever way it was started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from counterfoil_prefect.deployments.settings import shipped


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "server",
            {
                "DO_NOT_TRACK": "1",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
                "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
                "PREFECT_SERVER_UI_API_URL": "/api",
            },
        ),
        (
            "party",
            {
                "DO_NOT_TRACK": "1",
                "GX_ANALYTICS_ENABLED": "false",
                "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
            },
        ),
    ],
)
def test_what_ships_is_quiet(name: str, settings: dict[str, str]) -> None:
    assert settings.items() <= shipped(name).items()


@pytest.mark.services
@pytest.mark.parametrize("module", ["counterfoil_prefect.flows.party", "counterfoil_prefect.flows.worker"])
def test_a_worker_that_is_started_with_no_settings_is_quiet(module: str) -> None:
    script = f"import {module}; from prefect._internal.analytics.enabled import is_telemetry_enabled as on; print(on())"
    env = {name: value for name, value in os.environ.items() if name not in ("DO_NOT_TRACK", "CI")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    other = script.replace(f"import {module}; ", "")
    done = subprocess.run([sys.executable, "-c", other], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"  # or else this says nothing
