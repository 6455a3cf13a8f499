"""For all tests: a slow machine is no failure, and a failure says how to see it again."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from counterfoil.proxies import spare_loopback

spare_loopback()  # what a test asks listens on this machine

settings.register_profile("counterfoil", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("counterfoil")
