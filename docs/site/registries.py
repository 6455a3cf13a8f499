"""Reference of what agreements and operators name: analyses, rules, suites and stages, from their registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import yaml

from counterfoil.analyses import registry as analyses
from counterfoil.governance.policies import rules
from counterfoil.mpc.suites import registry as suites
from counterfoil_prefect.flows.stages import STAGES
from docs.site.text import cell, code, escape, said, table

_HEADS = {
    "analyses": """# Analyses

What an agreement may name under `analysis` and `version`. What the nodes open is in the leakage statement of each job.

""",
    "rules": """# Rules of disclosure

What a policy may set under `rules`. Of several policies the stricter setting of each rule holds.

""",
    "suites": """# Suites

What an agreement may name under `suite`: by which protocols how many nodes compute, and whom that withstands. **Two
nodes together see everything, in every suite.**

""",
    "stages": """# Stages

What runs at which parties, in the order of a job. A party runs the stages of its own roles.

""",
}


def pages() -> Mapping[str, str]:
    """Make a page for each registry."""
    bodies = {
        "analyses": "".join(_analyses()),
        "rules": _table(rules.table(), "rule"),
        "suites": _table(suites.table(), "suite"),
        "stages": table(("stage", "at", "what it does", "notes"), _stages()),
    }
    return {f"reference/{name}.md": _HEADS[name] + body for name, body in bodies.items()}


def _table(rows: list[dict[str, str]], first: str) -> str:
    return table(rows[0], ([code(text) if name == first else cell(text) for name, text in row.items()] for row in rows))


def _analyses() -> Iterable[str]:
    stated = {(row["analysis"], row["version"]): row for row in analyses.table()}
    for (key, version), analysis in sorted(analyses.REGISTRY.items()):
        yield f"## {key} v{version}\n\n{escape(analysis.title)}. {said(analysis.__doc__)}\n"
        rest = {name: text for name, text in stated[key, str(version)].items() if text and name not in _SHOWN}
        yield table(("", ""), ([cell(name), cell(text)] for name, text in rest.items())) + "\n"
        written = yaml.safe_dump([analyses.example(analysis)], sort_keys=False, default_flow_style=None)
        yield f"For example, of the banks' loans:\n\n```yaml\n{written}```\n\n"


_SHOWN = ("analysis", "version", "title", "means")


def _stages() -> Iterable[list[str]]:
    for stage in STAGES.values():
        notes = [f"at most {stage.limit_s:,.0f} s"]
        notes += ["may be repeated"] if stage.repeatable else []
        notes += ["all its parties together"] if stage.together else []
        notes += ["resumes from the top"] if stage.resumes else []
        notes += [f"after `{stage.after}`"] if stage.after else []
        notes += [cell(str(stage.schedule))] if stage.schedule else []
        yield [code(stage.name), cell(", ".join(stage.roles)), cell(stage.summary), "; ".join(notes)]
