"""Report a release to its recipient: a page for people, and the same numbers for machines."""

from __future__ import annotations

from counterfoil.report.model import Approval, Evidence, Report
from counterfoil.report.render import render

__all__ = ["Approval", "Evidence", "Report", "render"]
