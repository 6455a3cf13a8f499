"""Commands for data contracts: start one from a file, check it, compare it, try it on tables, make tables from it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption, note_read, owner_of
from counterfoil.terminal import say, say_json, show_table

if TYPE_CHECKING:
    from counterfoil.governance.contracts.contract import Contract

app = typer.Typer(help="Start, check, compare and try data contracts.", no_args_is_help=True)
COMMAND = Command("contract", app, extra="owner")

ContractFile: TypeAlias = Annotated[Path, typer.Argument(help="A contract file.", show_default=False)]


CardOption: TypeAlias = Annotated[
    list[Path] | None, typer.Option(help="A party's card that you got from that party; give it once for each party.")
]


PartyOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Whose file it is, where the contract's servers differ; the home's unless told.", show_default=False
    ),
]


def _read(file: Path) -> Contract:
    from counterfoil.files import read_file
    from counterfoil.governance.contracts.contract import parse_contract

    return parse_contract(read_file(file), str(file))


def _read_beside(file: Path, name: str) -> Contract:
    from counterfoil.canonical import MAX_YAML_BYTES
    from counterfoil.files import read_named
    from counterfoil.governance.contracts.contract import parse_contract

    beside = file.parent / name
    return parse_contract(read_named(beside, MAX_YAML_BYTES), str(beside))


def _envelope(file: Path) -> bytes | None:
    """Read the signatures beside a contract file, if there are any."""
    from counterfoil.files import read_file
    from counterfoil.governance.contracts.signatures import signature_file

    path = signature_file(file)
    return read_file(path) if path.exists() else None


@app.command()
def new(
    source: Annotated[
        str, typer.Argument(help="A CSV, Parquet, Arrow or Excel file, or the URL of a database.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The contract file to write.", show_default=False)],
    table: Annotated[str, typer.Option(help="The table or view of the database.", show_default=False)] = "",
    home: HomeOption = None,
) -> None:
    """Draft a contract from a table: what can be seen is filled in, what a person must decide is asked for by `lint`.

    The table is read on this machine alone. Of its cells the draft names only texts that stand in ten rows or more.

    Example: counterfoil contract new loans.csv --out contracts/data/loans.odcs.yaml
    """
    from counterfoil.data.drafting.draft import draft, found_out
    from counterfoil.data.drafting.profile import profile
    from counterfoil.data.reading.database import exported
    from counterfoil.errors import DocumentError
    from counterfoil.files import write_output

    if ("://" in source) != bool(table):
        raise DocumentError("the URL of a database and --table come together; a file needs neither")
    if not table and "@" in source and not Path(source).exists():
        raise DocumentError(
            "no such file, nor the URL of a database; write it like postgresql+psycopg://user@host/name"
        )
    note_read(home)
    if table:
        with exported(source, table) as file:
            seen, name = profile(file, f"table {table}"), table.rpartition(".")[2]
    else:
        seen, name = profile(Path(source)), Path(source).stem
    write_output(out, draft(seen, name).encode())
    if found := found_out(seen.written):
        told = ", ".join(f"{what} {how!r}" for what, how in found.items())
        say(f"{source} is read with {told}; the draft says so under 'servers'. Correct it there if it is otherwise")
    say(f"{out}: a draft; see what is left to decide: counterfoil contract lint {out}")


@app.command()
def lint(files: Annotated[list[Path], typer.Argument(help="Contract files.", show_default=False)]) -> None:
    """Check contracts, and that each of their rules can be checked; every problem is named with its line.

    Parts of the standard (ODCS v3) that nothing here uses are warnings; a contract that is signed has none of them.
    Signatures beside a file must be under these very bytes.

    Example: counterfoil contract lint contracts/data/*.odcs.yaml
    """
    from counterfoil.analyses.planning import check_allowed
    from counterfoil.data.checking.expectation_rules import compile_rules
    from counterfoil.errors import DocumentError, ExpiredError, SignatureError
    from counterfoil.files import read_file
    from counterfoil.governance.agreements.signing.reaffirmation import remind
    from counterfoil.governance.contracts.foreign_keys import check_references
    from counterfoil.governance.contracts.signatures import check_bytes
    from counterfoil.governance.contracts.standard.lint import lint as check

    worst, today = 0, clock.today()
    for file in files:
        try:
            linted = check(read_file(file), str(file))
            for words in linted.warnings:
                say(f"warning: {words}", aside=True)
            contract = linted.contract()
            check_allowed(linted.document, contract)
            rules = compile_rules(contract)
            check_references(contract, partial(_read_beside, file))
            if (envelope := _envelope(file)) is not None:
                check_bytes(contract, envelope)
        except (DocumentError, SignatureError) as error:
            say(*str(error).split("\n"), aside=True)
            worst = max(worst, error.exit_code)
        else:
            say(f"{file}: right; {contract.id} {contract.version}, {len(contract.columns)} columns, {len(rules)} rules")
            if linted.warnings:
                say(
                    f"{file}: before it is signed, leave out what nothing here uses: counterfoil contract adopt {file} "
                    "--out FILE",
                    aside=True,
                )
            try:
                contract.check_current(today)
            except ExpiredError as error:
                say(f"warning: {error}", aside=True)
                continue
            if contract.review_by and (words := remind(f"{contract.id} {contract.version}", contract.review_by, today)):
                say(f"{file}: note: {words}; look at it anew, and sign its next version", aside=True)
    raise typer.Exit(worst)


@app.command()
def show(file: ContractFile, card: CardOption = None) -> None:
    """Show what a contract says of each column, what it allows, and who signed it.

    Example: counterfoil contract show contracts/data/loans.odcs.yaml
    """
    from counterfoil.crypto.keys import read_card
    from counterfoil.files import read_file
    from counterfoil.governance.contracts.signatures import check_bytes, signers

    contract = _read(file)
    rows = []
    for column in contract.columns:
        low, high = (
            (column.categories[0], column.categories[-1]) if column.categories else (column.minimum, column.maximum)
        )
        ends = ["" if end is None else f"{end} {column.unit}".rstrip() for end in (low, high)]
        allowed = ", ".join(column.allowed_analyses) if column.role != "identifier" else "nothing"
        rows.append((column.name, column.type, column.role, *ends, column.purpose or "", allowed))
    say(f"{contract.name} ({contract.id} {contract.version}, {contract.status}), until {contract.expires}")
    if contract.review_by:
        say(f"to be looked at anew by {contract.review_by}")
    say(contract.purpose)
    show_table(("column", "type", "role", "from", "to", "needed for", "allowed in"), rows)
    for rule in contract.quality:
        limits = " to ".join(map(str, rule.limits))
        say(f"- {rule.name}: {rule.metric} {rule.operator} {limits} {rule.unit}")
    say(f"sha256 {contract.digest}")
    if (envelope := _envelope(file)) is None:
        say("signed by nobody")
    elif cards := [read_card(read_file(path)) for path in card or ()]:
        say(f"signed by {', '.join(signers(contract, envelope, cards))}")
    else:
        check_bytes(contract, envelope)
        say("signed; to see by whom, give the parties' cards: --card")


@app.command()
def sign(file: ContractFile, home: HomeOption = None) -> None:
    """Sign a contract by itself, before any agreement: your word that these bytes are what you stand by.

    The signature is written beside the file, in a DSSE envelope with those of others. It binds you to no job.

    Example: counterfoil contract sign contracts/data/loans.odcs.yaml --home ~/bank-a
    """
    from counterfoil.files import write_file
    from counterfoil.governance.contracts.signatures import sign_contract, signature_file
    from counterfoil.home import Home

    mine, contract = Home.open(home), _read(file)
    signed = sign_contract(contract, mine.keys, _envelope(file), clock.today())
    write_file(signature_file(file), signed, replace=True)
    mine.log.append("contract-signed", subject=contract.id, refs={"contract": contract.digest})
    say(f"{signature_file(file)}: {contract.id} {contract.version} signed as {mine.party}")


@app.command()
def diff(
    old: ContractFile,
    new: ContractFile,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
) -> None:
    """Say what changed between two versions of a contract, whom it breaks, and what must be signed again.

    Example: counterfoil contract diff loans-1.0.0.odcs.yaml contracts/data/loans.odcs.yaml
    """
    from counterfoil.governance.contracts.diff import MEANINGS, compare

    found = compare(_read(old), _read(new))
    if as_json:
        say_json(found.facts())
        return
    for change in found.changes:
        say(f"{change.place}: {change.text}" + (f" [breaks {', '.join(change.breaks)}]" * bool(change.breaks)))
    for who in found.broken:
        say(f"breaks {who}: {MEANINGS[who]}")
    if not found.sign_again:
        say("The files are the same; nothing is to be signed.")
        return
    if found.only_descriptions:
        say(
            f"Only descriptions differ. Agreements on {found.old.id} {found.old.version} go on as they are; the new "
            f"texts count once each of its owners has signed them: counterfoil contract sign {new}"
        )
        return
    say(
        f"Agreements on {found.old.id} {found.old.version} (sha256 {found.old.digest}) go on with it. To use the new "
        "one, draft each of them again and have all its parties sign."
    )
    if not found.version_suffices:
        say(f"The new version calls itself {found.new.version}; call it {found.least_version} or later.")


@app.command()
def test(
    table: Annotated[Path, typer.Argument(help="A CSV, Parquet, Arrow or Excel file.", show_default=False)],
    contract: Annotated[Path, typer.Option(help="The contract file.", show_default=False)],
    agreement: Annotated[
        Path | None, typer.Option(help="An agreement file: try all that its job would do.", show_default=False)
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(help="The agreement's roster; by default in ../rosters.", show_default=False)
    ] = None,
    home: HomeOption = None,
    party: PartyOption = "",
) -> None:
    """Try a contract on a file, on this machine alone, as a job would before anything leaves.

    What does not fit is listed on a page beside the file, with rows and cells, for its owner. With --agreement the
    file goes through every step of a job up to the shares: a file that passes is one that the job accepts. With --home
    it is said, too, where too few rows of it differ from a table that was released before.

    Example: counterfoil contract test loans.csv --contract contracts/data/loans.odcs.yaml
    """
    from counterfoil.data.checking.expectations import check_file
    from counterfoil.governance.agreements.agreement import Part
    from counterfoil.home import Home
    from counterfoil.joint.planning import read_planned, roster_beside
    from counterfoil.roles.preparation import contract_in, try_table
    from counterfoil.roles.table_comparison import too_few

    terms, now = _read(contract), clock.now()
    if agreement is None:
        note_read(home, terms)
        verdict = check_file(table, terms, party or owner_of(home))
        say(f"{table}: {verdict.rows} rows satisfy {verdict.rules_checked} rules")
        return
    agreed, _ = read_planned(agreement, roster_beside(agreement, roster, now.date()))
    named = contract_in(agreed, terms)
    note_read(home, terms)
    due, mine = agreed.schedule.due(now), Home.open(home) if home else None
    if mine is None or Part(mine.party, named) not in agreed.parts:
        mine = None
    tried = try_table(table, agreed, named, due, party or owner_of(home), mine.membership_key if mine else None)
    kept = tried.kept
    say(
        f"{table}: {tried.checked.rows} rows satisfy {tried.checked.rules_checked} rules; a job of {agreed.id} accepts "
        f"them: {kept.table.rows} rows count, {kept.opted_out} opted out, {kept.incomplete} lack a cell, "
        f"{kept.left_behind} stay behind; {tried.numbers} numbers would leave in shares"
    )
    if mine is not None and (few := too_few(kept.table, agreed, due, mine, now)):
        say(few)


@app.command()
def risk(
    table: Annotated[Path, typer.Argument(help="A CSV, Parquet, Arrow or Excel file.", show_default=False)],
    contract: Annotated[Path, typer.Option(help="The contract file.", show_default=False)],
    home: HomeOption = None,
    party: PartyOption = "",
) -> None:
    """Minimise a file as its contract asks, on this machine alone, and see how far people in it still stand out.

    All columns but identifiers and keys are taken for shared; a job shares only those that its analyses use.

    Example: counterfoil contract risk loans.csv --contract contracts/data/loans.odcs.yaml
    """
    from counterfoil.data.checking.expectations import load_valid
    from counterfoil.data.minimising.protect import protect

    terms = _read(contract)
    note_read(home, terms)
    loaded, _ = load_valid(table, terms, party=party or owner_of(home))
    page = table.with_suffix(".risk.html")
    kept = protect(loaded, [column.name for column in terms.columns if column.role not in ("identifier", "key")], page)
    say(
        f"{table}: {kept.table.rows} rows would leave; {kept.opted_out} opted out, {kept.incomplete} lack a cell, "
        f"{kept.left_behind} would stay behind; see {page}"
    )


@app.command()
def synth(
    contracts: Annotated[list[Path], typer.Argument(help="Contract files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The folder to write the tables to.", show_default=False)],
    rows: Annotated[int, typer.Option(min=1, help="Rows of each table.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other tables.")] = 7,
    plant: Annotated[
        list[str] | None,
        typer.Option(help="An answer: total:COLUMN=N, count:COLUMN=CATEGORY:N or correlation:ONE,OTHER=R."),
    ] = None,
) -> None:
    """Make tables that satisfy contracts, from the contracts alone. No real row is read, so none is in them.

    Where a contract's foreign key leads to another contract, give both. Answers that are planted lie in answers.json.

    Example: counterfoil contract synth contracts/data/loans.odcs.yaml --rows 5000 --out tables
    """
    from counterfoil.data.synthetic.plant import Plant
    from counterfoil.data.synthetic.plant import plant as put
    from counterfoil.data.synthetic.synth import make_tables, write_table
    from counterfoil.files import private_folder, write_output

    wanted = [Plant.parse(text) for text in plant or ()]
    made, answers = put(make_tables({file.name: _read(file) for file in contracts}, rows, seed), wanted, seed)
    private_folder(out)
    if wanted:
        write_output(out / "answers.json", json.dumps(answers, indent=2).encode(), replace=True)
    for table in made.values():
        write_table(table, out / table.source)
        say(f"{out / table.source}: {table.rows} rows")
