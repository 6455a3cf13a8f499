"""References as people paste them from Prefect's pages and messages; what could be several things is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.errors import AmbiguousError, CounterfoilError, DocumentError, NotFoundError, RefusedError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.references import agreement_ref, evidence_digest, job_id, names_subject, period_name
from tests.unit.conftest import Consortium, make_consortium
from tests.unit.governance.reviewing import draft

HEX = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, Draft]:
    made = make_consortium(tmp_path_factory.mktemp("naming"), today=clock.today())
    made.sign()
    made._known.update({id: made.load(id, clock.today()) for id in ("node-0", "reviewer-1")})
    return made, draft(made)


FORMS = {
    "as it is": "{ref}",
    "quoted": '"{ref}"',
    "as code": "`{ref}`",
    "with the end of a sentence": "{ref}.",
    "in a sentence": "Finished in state Completed('{ref}')",
    "after a name": "agreement={ref}, period=2026-w48",
    "with blanks": "  {ref}\t",
    "shortened": "agreement:{owner}:{short}",
    "shortened with dots": "agreement:{owner}:{short}...",
    "shortened with an ellipsis": "{short}…",
    "the owner and a few digits": "{owner}:{short}",
    "digits alone": "{digest}",
    "a few digits": "{short}",
    "a link": "http://127.0.0.1:4200/runs?parameters=agreement%3A{owner}%3A{digest}",
    "a link's end": "https://prefect.example.org/artifacts/artifact/{ref}/",
    "its own id": "exposure-consumer-loans",
    "in capitals": "AGREEMENT:BANK-A:{digest}",
    "its evidence": "evidence:nodes:{evidence}",
    "its job": "{job}",
}


@pytest.mark.parametrize("form", FORMS)
def test_an_agreement_is_found_by_what_is_pasted(form: str, both: tuple[Consortium, Draft]) -> None:
    made, of = both
    text = FORMS[form].format(
        ref=made.ref,
        owner=made.ref.owner,
        digest=made.ref.digest,
        short=made.ref.digest[:12],
        evidence=of.evidence.digest,
        job=of.evidence.job,
    )
    if form == "its own id":
        text = made.agreement.id
    assert agreement_ref(made.exchange, text) == made.ref


@pytest.mark.parametrize(
    "form",
    [
        "{digest}",
        "evidence:nodes:{digest}",
        "evidence:node-2:{digest}.",
        "{digest:.10}",
        "'{job}'",
        "{job:.8}",
        "2026-W48",
    ],
)
def test_evidence_is_found_by_its_digest_its_job_or_its_period(form: str, both: tuple[Consortium, Draft]) -> None:
    made, of = both
    text = form.format(digest=of.evidence.digest, job=of.evidence.job)
    assert evidence_digest(made.exchange, made.ref.digest, text) == of.evidence.digest
    assert job_id(made.exchange, text) == of.evidence.job


def test_what_could_be_several_is_refused_with_all_of_them(tmp_path: Path) -> None:
    made = make_consortium(tmp_path)
    others = [made.exchange.put("agreement", "bank-b", b"%d" % number) for number in range(40)]
    firsts = [ref.digest[:4] for ref in others]
    alike = Ref("agreement", "bank-b", "f" * 64)
    made.exchange.put_named(("blobs", "agreement", "bank-b", alike.digest), b"x")
    made.exchange.put_named(("blobs", "agreement", "bank-c", "f" * 63 + "e"), b"x")
    with pytest.raises(AmbiguousError) as error:
        agreement_ref(made.exchange, "ffffffff")
    assert f"agreement:bank-c:{'f' * 63}e" in str(error.value) and str(alike) in str(error.value)
    assert agreement_ref(made.exchange, "agreement:bank-b:ffff") == alike
    assert len(set(firsts)) > 1
    with pytest.raises(AmbiguousError):
        agreement_ref(made.exchange, "agreement:bank-b:ffff agreement:bank-c:ffff")
    with pytest.raises(AmbiguousError):  # both in full
        agreement_ref(made.exchange, f"{made.ref} {alike}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", DocumentError),
        ("...", DocumentError),
        ("x" * 5000, DocumentError),
        ("agreement:bank-a", NotFoundError),
        (f"agreement:bank-a:{HEX}0", NotFoundError),
        (f"submission:bank-a:{HEX}", DocumentError),
        ("abc", NotFoundError),
        ("deadbeef", NotFoundError),
        ("a\nb", DocumentError),
        ("../../etc/passwd", NotFoundError),
        ("\udcff", DocumentError),
    ],
)
def test_what_names_nothing_is_refused(
    text: str, error: type[CounterfoilError], both: tuple[Consortium, Draft]
) -> None:
    made, _ = both
    for find in (agreement_ref, job_id, lambda exchange, text: evidence_digest(exchange, made.ref.digest, text)):
        with pytest.raises((error, NotFoundError)):
            find(made.exchange, text)


def test_a_reference_in_full_is_not_looked_up(both: tuple[Consortium, Draft]) -> None:
    """What loads it says that it is not there."""
    assert agreement_ref(both[0].exchange, f"agreement:bank-z:{HEX}") == Ref("agreement", "bank-z", HEX)


def test_periods_and_subjects() -> None:
    assert [period_name(text) for text in ("'2026-W48'", "period 2026-11,", "2026-11-22.", "soon")] == [
        "2026-w48",
        "2026-11",
        "2026-11-22",
        "soon",
    ]
    assert names_subject("0f3a9c...", "0f3a9c" + "0" * 26) and names_subject("`loans`", "loans")
    assert not names_subject("0f3a9c", None) and not names_subject("loan", "loans")


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.output


def test_every_command_that_takes_a_reference_takes_what_prefect_shows(both: tuple[Consortium, Draft]) -> None:
    made, of = both
    home, node = ("--home", made.homes["reviewer-1"].path), ("--home", made.homes["node-0"].path)
    short, pasted = f"`{made.ref.digest[:14]}…`", f"Completed('{made.ref}')."
    for command in (
        ("agreement", "explain", short),
        ("agreement", "diff", short, pasted),
        ("agreement", "verify", pasted),
        ("review", "list", short),
        ("review", "show", pasted, f"'{of.evidence.job}'"),
        ("review", "comment", short, of.evidence.period, "fine"),
        ("review", "approve", short, f"evidence:node-1:{of.evidence.digest[:12]}..."),
        ("release", "list", pasted),
        ("budget", "show", short),
        ("budget", "audit", pasted),
    ):
        code, output = run(*command, *home)
        assert code == 0, (command, output)
    code, output = run("open", short, "--period", "'2026-W48'", "--home", made.homes["regulator"].path)
    assert (code, "nothing was released to regulator" in output) == (NotFoundError.exit_code, True), output
    code, output = run("release", "revoke", short, of.evidence.period, "--reason", "none", *node)
    assert code in (0, NotFoundError.exit_code, RefusedError.exit_code), output
    assert run("log", "show", "--subject", of.evidence.job[:9], *home)[1].count("review-comment") == 1
    entries = [entry for entry in made.homes["reviewer-1"].log.entries() if b"review-approve" in entry]
    assert of.evidence.digest.encode() in entries[0]


def test_an_agreement_is_not_signed_unseen_by_a_few_digits(tmp_path: Path) -> None:
    """Whoever writes into the exchange could make another one that begins alike, and take this one away."""
    made = make_consortium(tmp_path, today=clock.today())
    home = ("--home", made.homes["bank-b"].path)
    code, output = run("agreement", "sign", made.ref.digest[:10], "--yes", *home)
    assert code == RefusedError.exit_code and str(made.ref) in output
    result = CliRunner().invoke(app, ["agreement", "sign", made.ref.digest[:10], *map(str, home)], input="y\n")
    assert result.exit_code == 0, result.output
    assert run("agreement", "sign", f'"{made.ref.digest[:16]}..."', "--yes", *home)[0] == 0
