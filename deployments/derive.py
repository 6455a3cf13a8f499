"""Derive what runs where from the stages and a roster.

`python -m counterfoil_prefect.deployments.derive > deployments/prefect.yaml`.

The project's own `prefect.yaml` is that of the four banks; with a roster file, filled in or not, it is that of its
parties. `--stages` prints the operators' tables of stages instead, as they are in docs/operations.md.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from counterfoil.errors import CounterfoilError, RosterError
from counterfoil.files import read_file
from counterfoil.governance.documents import read_document
from counterfoil.terminal import complain, say
from counterfoil_prefect.flows.stages import STAGES, Stage

BANKS = Path(__file__).resolve().parent.parent / "contracts" / "rosters" / "four-banks.roster.yaml"

_HEAD = """\
# What runs where: one work pool a party, of the type `counterfoil`, and the flows of that party's roles.
#
#   export PREFECT_API_URL=http://127.0.0.1:4200/api
#   export COUNTERFOIL_AGREEMENT=agreement:bank-a:...
#   counterfoil deploy
#
# put all of it on a Prefect server. The reference is the one that `counterfoil agreement draft` printed. Do so in the
# project's folder, where `prefect.yaml` is a link to this file, so that `prefect deploy --all` finds it, too,
# once the work pools are there: docs/how-to/deploy.md.
#
# A party's worker takes from a deployment its flow's name and its parameters, and nothing else: entry points, pull
# steps and job variables are read by nobody. Runs in the queue `alone` are given out one at a time.
#
# Derived from the stages in flows/ and a roster, by
# `python -m counterfoil_prefect.deployments.derive`: change those, and derive it again.
name: counterfoil
prefect-version: 3.8.8
pull: []

deployments:
"""
_AGREEMENT = '{agreement: "{{ $COUNTERFOIL_AGREEMENT }}"}'


def main() -> None:
    """Print the derived file or tables. Exits with an error's code, after one line that says it."""
    parser = argparse.ArgumentParser(
        prog="python -m counterfoil_prefect.deployments.derive",
        description="Print a prefect.yaml: the stages of a roster's parties as Prefect's deployments.",
    )
    parser.add_argument("roster", nargs="?", type=Path, default=BANKS, help="a roster file, unless for the four banks")
    parser.add_argument("--stages", action="store_true", help="print the operators' tables of stages")
    given = parser.parse_args()
    try:
        derived = stage_tables() if given.stages else prefect_yaml(members(given.roster))
    except CounterfoilError as error:
        complain(error)
        sys.exit(error.exit_code)
    say(*derived.removesuffix("\n").split("\n"))


def members(roster: Path) -> dict[str, tuple[str, ...]]:
    """Read the roles of a roster's parties, by party. Raises: NotFoundError, DocumentError, RosterError."""
    document = read_document(read_file(roster), str(roster), "roster", RosterError)
    return {party["id"]: tuple(party["roles"]) for party in document.value["parties"]}


def prefect_yaml(parties: Mapping[str, Sequence[str]]) -> str:
    """Write the file that both ways to deploy read, for these parties."""
    return _HEAD + "\n".join(
        f"  # --- {stage.name}: {stage.title}\n{''.join(_deployments(stage, parties))}" for stage in STAGES.values()
    )


def _deployments(stage: Stage, parties: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for party, roles in parties.items():
        if set(roles).isdisjoint(stage.roles):
            continue
        name = _scalar(party)
        pool = f"{{name: {name}{f', work_queue_name: {stage.queue}' if stage.queue else ''}}}"
        if not stage.schedule:
            yield f'  - {{name: {name}, entrypoint: "{stage.entry_point}", work_pool: {pool}}}\n'
            continue
        yield f"  - name: {name}\n    entrypoint: {stage.entry_point}\n    work_pool: {pool}\n"
        if "agreement" in stage.parameters:
            yield f"    parameters: {_AGREEMENT}\n"
        timing = stage.schedule
        when = f'cron: "{timing.cron}", timezone: UTC' if timing.cron else f"interval: {timing.interval}"
        yield f"    schedules: [{{{when}, slug: {timing.slug}}}]\n"


def _scalar(text: str) -> str:
    """Quote the text if YAML would read it as something else, like `007` as a number."""
    return text if yaml.safe_load(text) == text else json.dumps(text)


def stage_tables() -> str:
    """Write the operators' tables in Markdown: every stage, and what to do about states that are a stage's own."""
    stages = [
        f"| `{stage.name}` | {' and '.join(stage.roles)} | {_begins(stage)} | {_limit(stage.limit_s)} | "
        f"{_again(stage)} | {stage.summary} |"
        for stage in STAGES.values()
    ]
    ends = [
        f"| `{stage.name}` | `{state}` | {remedy} |"
        for stage in STAGES.values()
        for state, remedy in stage.ends.items()
    ]
    return "\n".join(
        (
            "| stage | at every | begins | limit | after a failure that may pass | what it does |",
            "|---|---|---|---|---|---|",
            *stages,
            "",
            "| stage | state | what to do |",
            "|---|---|---|",
            *ends,
            "",
        )
    )


def _begins(stage: Stage) -> str:
    after = f"after `{stage.after}`" if stage.after else ""
    together = "when all workers are on" if stage.together else ""
    return ", ".join(filter(None, (after, str(stage.schedule or ""), together)))


def _limit(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _again(stage: Stage) -> str:
    if stage.repeatable:
        return "is done again"
    if stage.resumes:
        return "starts from the top"
    return "another attempt" if stage.together else ""


if __name__ == "__main__":
    main()
