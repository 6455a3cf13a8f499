"""Reference of the analyses that an agreement can name: what each takes, releases and guards."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.analyses.registry import REGISTRY
from docs.site.text import cell, code, escape, said


def pages() -> Mapping[str, str]:
    made = (
        "# Analyses\n\nWhat an agreement may name under `analysis` and `version`. No analysis opens anything by "
        "itself; what the nodes open is in the leakage statement of each job.\n\n"
    )
    for (key, version), analysis in sorted(REGISTRY.items()):
        made += f"## {key} v{version}\n\n{escape(analysis.title)}. {said(analysis.__doc__)}\n"
        made += "Recipients learn:\n\n" + "".join(f"- {cell(each)}\n" for each in analysis.learns.values())
        if analysis.params:
            made += "\nParameters: " + ", ".join(code(each) for each in sorted(analysis.params)) + ".\n"
        made += "\n"
    return {"reference/analyses.md": made}
