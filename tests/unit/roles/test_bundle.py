"""A job's bundle: what is in it, what it says, and that whoever changes a byte of it is found out by name."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.publish import publish
from counterfoil.canonical import digest
from counterfoil.cli import app
from counterfoil.crypto.sign import claimed
from counterfoil.errors import NotFoundError
from counterfoil.home import Home
from tests.lib.consortium import NODES, OWNERS, Consortium, found
from tests.unit.roles.test_canaries import forms, planted

pytestmark = pytest.mark.slow

Files = dict[str, bytes]
READER = str(Path(__file__).parents[2] / "outside" / "reader.py")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str]:
    """A consortium that released a job, and the job's id."""
    banks = found(tmp_path_factory.mktemp("bundle"), 1000, canaries=True)
    (evidence, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    banks.review(evidence.digest, ["reviewer-1", "reviewer-2"])
    banks.release(evidence.digest)
    for home in banks.homes.values():
        home.log.append("done")
        publish(home.log, home.exchange)
    (job,) = {
        json.loads(entry)["subject"] for entry in banks.homes["node-0"].log.entries() if b"release-approved" in entry
    }
    return banks, job


@pytest.fixture(scope="module")
def bundle(released: tuple[Consortium, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the regulator exported."""
    banks, job = released
    out = tmp_path_factory.mktemp("exported") / "bundle.zip"
    done = run("evidence", job, "--out", out, "--home", banks.homes["regulator"].path)
    assert done[0] == 0, done[1]
    return out


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def read(path: Path) -> Files:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def test_a_bundle_verifies_by_itself(released: tuple[Consortium, str], bundle: Path) -> None:
    banks, job = released
    pins = [word for home in banks.homes.values() for word in ("--card", card(home))]
    code, said = run("verify", bundle, *pins)
    assert code == 0, said
    assert "UNPINNED" not in said
    assert re.search(rf"bundle of job {job}: \d+ files as regulator exported them", said)
    assert f"lineage of job {job}: follows from the papers, 1 drafts" in said
    assert "approved by reviewer-1, reviewer-2, released to regulator, bank-a by 3 nodes" in said
    assert run("verify", bundle)[0] == 0


def card(home: Home) -> Path:
    path = home.path / "card.json"
    path.write_text(run("party", "card", "--home", home.path)[1])
    return path


def test_nothing_that_was_sealed_is_in_it(bundle: Path) -> None:
    files = read(bundle)
    kinds = {tuple(name.split("/")[: 2 if name.startswith("blobs") else 1]) for name in files}
    assert {"envelopes", "links", "enrolments", "cards"}.isdisjoint({kind[0] for kind in kinds})
    assert {kind for kind in kinds if kind[0] == "blobs"} == {
        ("blobs", "agreement"), ("blobs", "document"), ("blobs", "evidence"), ("blobs", "manifest")
    }  # fmt: skip
    assert {("releases",), ("decisions",), ("signatures",), ("receipts",), ("log",), ("index.html",)} <= kinds


def test_no_planted_value_is_in_it(released: tuple[Consortium, str], bundle: Path) -> None:
    """Values that were planted in the banks' tables, in every form they could have; nor a result."""
    banks, _ = released
    content = b"\0".join(read(bundle).values())
    for bird in planted(banks).values():
        assert [name for name, needle in forms(bird).items() if needle in content] == []
    total = sum(int(frame["balance"].sum()) for frame in banks.frames.values())
    assert str(total).encode() not in content and f"{total:,}".encode() not in content
    assert b"total-exposure" in content  # the search looks where the papers are


def test_every_result_leads_to_its_inputs_and_every_hash_is_right(
    released: tuple[Consortium, str], bundle: Path
) -> None:
    banks, job = released
    files = read(bundle)
    (graph,) = json.loads(files["lineage.json"])["drafts"]
    vertices = {each["id"]: each for each in graph["vertices"]}
    assert graph["job"] == job
    for each in vertices.values():
        assert not each["path"] or digest(files[each["path"]]) == each["digest"]
    rests_on: dict[str, set[str]] = {}
    for source, target, _ in graph["edges"]:
        rests_on.setdefault(source, set()).add(target)
    for plan in banks.agreement.analyses:
        reached, waiting = set[str](), [f"result:{plan.name}"]
        while waiting:
            for target in rests_on.get(waiting.pop(), ()):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        assert {f"table:{owner}/loans" for owner in OWNERS} <= reached
        assert {"contract:loans", f"plan:{plan.name}", "software", "agreement", "draft"} <= reached
        assert {"decision:reviewer-1:approve", "decision:reviewer-2:approve"} <= reached
        assert {f"release:{node}:regulator" for node in NODES} <= reached
    manifests = {vertices[f"table:{owner}/loans"]["facts"]["manifest"] for owner in OWNERS}
    evidence = json.loads(files[vertices["draft"]["path"]])
    assert set(evidence["inputs"].values()) == manifests
    assert set(evidence["software"].values()) == {vertices["software"]["digest"]}
    assert set(evidence["software"]) == set(NODES)
    assert vertices["plan:total-exposure"]["digest"] == evidence["outputs"]["total-exposure"]["plan"]


def test_the_index_says_it_in_fixed_parts_and_loads_nothing(bundle: Path, released: tuple[Consortium, str]) -> None:
    banks, job = released
    page = read(bundle)["index.html"].decode()
    heads = re.findall(r"<h2>(\d+)\. ([^<]+)</h2>", page)
    assert [int(number) for number, _ in heads] == list(range(1, 14))
    assert heads[1][1] == "What was agreed" and heads[12][1] == "How to check this"
    assert not re.search(r"(src|href)=\"(?!#)", page) and "<script" not in page and "url(" not in page
    for words in (job, *banks.agreement.parties, "reviewer-1: approve", "release-approved", "Two nodes together see"):
        assert words in page
    picture = ET.fromstring(read(bundle)["lineage.svg"])  # noqa: S314 (our own)
    texts = ["".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"What owners put in", "Results", "What left, sealed", "bank-a/loans"} <= set(texts)
    boxes = list(picture.iter("{http://www.w3.org/2000/svg}g"))
    assert len(boxes) == len(json.loads(read(bundle)["lineage.json"])["drafts"][0]["vertices"])


def test_whoever_assesses_the_impact_finds_what_the_law_asks_for(
    bundle: Path, released: tuple[Consortium, str]
) -> None:
    """The checklist is GDPR, Article 35(7): each of its points leads to parts that exist and say something."""
    terms = released[0].agreement
    page = read(bundle)["index.html"].decode()
    (section,) = re.findall(r'<section id="assessment">(.*?)</section>', page, re.DOTALL)
    points = re.findall(r"<tr><td>\((\w)\)[^<]*</td><td>(.*?)</td></tr>", section)
    assert [point for point, _ in points] == ["a", "b", "c", "d"]
    for _, where in points:
        parts = re.findall(r'href="#(\w+)">(\d+)</a>', where)
        assert parts
        for name, number in parts:
            (body,) = re.findall(rf'<section id="{name}">\s*<h2>{number}\. (.*?)</section>', page, re.DOTALL)
            assert len(re.sub(r"<[^>]+>", "", body)) > 100, name
    (contract,) = terms.contracts.values()
    needed = {name for plan in terms.analyses for name in plan.columns}
    for words in (contract.purpose, contract.lawful_basis, f"{terms.share_retention_days} days at most"):
        assert words in html.unescape(section), words
    lines = [re.findall("<td>(.*?)</td>", line) for line in section.splitlines()]
    rows = {cells[0]: cells for cells in lines if len(cells) == 4}
    for column in contract.columns:
        if column.name in needed:
            assert html.unescape(rows[column.name][1]) == column.purpose
            assert ("as it is" in rows[column.name][3]) == (column.generalise is None)
        else:
            assert column.name not in rows and column.name in section
    for rule in terms.rules.describe():
        assert f"<li>{rule}</li>" in html.unescape(section)


def flip(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        raw = bytearray(files[name])
        raw[len(raw) // 2] ^= 1
        files[name] = bytes(raw)

    return change


def spoil(files: Files, kind: str) -> str:
    """One file of this kind is changed; its name."""
    name = sorted(name for name in files if name.startswith(kind))[0]
    flip(name)(files)
    return name


@pytest.mark.parametrize(
    "kind",
    ["blobs/agreement", "blobs/document", "blobs/evidence", "blobs/manifest", "decisions", "evidence", "releases",
     "receipts", "signatures", "lineage.json", "lineage.svg", "index.html", "log/bank-b/card"],
)  # fmt: skip
def test_an_edited_file_is_named(kind: str, bundle: Path, tmp_path: Path) -> None:
    files = read(bundle)
    name = spoil(files, kind)
    code, said = run("verify", write(files, tmp_path / "changed.zip"))
    assert code != 0
    assert name in said or name.split("/")[1] in said, said


@pytest.mark.parametrize("kind", ["blobs/document", "decisions", "releases", "receipts", "lineage.json"])
def test_a_dropped_and_an_added_file_are_named(kind: str, bundle: Path, tmp_path: Path) -> None:
    files = read(bundle)
    name = sorted(each for each in files if each.startswith(kind))[0]
    data = files.pop(name)
    code, said = run("verify", write(files, tmp_path / "less.zip"))
    assert code == 73 and f"{name} was dropped from the bundle" in said
    code, said = run("verify", write({**files, name: data, "releases/more": b""}, tmp_path / "more.zip"))
    assert code == 73 and "releases/more was added to the bundle" in said


def test_an_exporter_cannot_tell_another_story(released: tuple[Consortium, str], bundle: Path, tmp_path: Path) -> None:
    """It signs the inventory of what it changed; what the papers say still does not follow from it."""

    from counterfoil.governance.verification.bundle import make_inventory

    banks, job = released
    stories: list[tuple[str, Callable[[Files], None], str]] = [
        ("lineage", lambda files: files.update({"lineage.json": files["lineage.json"].replace(b'"1000"', b'"9000"')}),
         "lineage.json is not what follows"),
        ("one less", lambda files: [files.pop(name) for name in list(files) if "/reviewer-2/approve" in name],
         "1 of 2 approvals"),
        ("log", flip(sorted(name for name in read(bundle) if "log/node-1/tile/entries" in name)[-1]), "log of node-1"),
        ("half", lambda files: [files.pop(name) for name in list(files) if name.endswith("regulator/node-0")],
         "not by node-0"),
    ]  # fmt: skip
    for title, change, words in stories:
        files = read(bundle)
        change(files)
        files.pop("bundle.json")
        files["bundle.json"] = make_inventory(job, files, banks.homes["regulator"].keys, clock.now())
        code, said = run("verify", write(files, tmp_path / f"{title}.zip"))
        assert code and words in said, (title, said)


def test_somebody_elses_reader_finds_the_same(released: tuple[Consortium, str], bundle: Path, tmp_path: Path) -> None:
    """It was written from `docs/formats.md`, and runs without our code."""

    from counterfoil.governance.verification.bundle import make_inventory

    banks, job = released
    cards = []
    for party, home in banks.homes.items():
        cards.append(tmp_path / f"{party}.json")
        cards[-1].write_text(json.dumps(home.keys.public.to_json()))

    def told(path: Path) -> tuple[int, str]:
        command = [sys.executable, "-I", READER, str(path), *map(str, cards)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = told(bundle)
    assert code == 0, said
    assert f"inventory of job {job}" in said and "released to regulator by node-0, node-1, node-2" in said
    assert all(f"log of {party}: " in said for party in banks.homes)
    imported = re.findall(r"^(?:from|import) (\w+)", Path(READER).read_text(), re.MULTILINE)
    assert set(imported) - sys.stdlib_module_names == {"cryptography"}
    other = sorted(name for name in read(bundle) if "log/node-1/tile/entries" in name)[-1]
    stories: list[tuple[Callable[[Files], None], str]] = [
        (lambda files: [files.pop(name) for name in list(files) if "/reviewer-2/approve" in name], "2/approve"),
        (flip(other), "log of node-1"),
        (lambda files: [files.pop(name) for name in list(files) if name.endswith("regulator/node-0")], "node-0"),
        (lambda files: files.update({name: files[name.replace("regulator", "bank-a")] for name in files
                                     if name.startswith("releases/") and "regulator" in name}), "releases/"),
    ]  # fmt: skip
    for number, (change, words) in enumerate(stories):
        files = read(bundle)
        change(files)
        code, said = told(write(files, tmp_path / "edited.zip"))
        assert code == 1 and "does not hold: " in said, said
        files.pop("bundle.json")  # and if the exporter itself is the forger
        files["bundle.json"] = make_inventory(job, files, banks.homes["regulator"].keys, clock.now())
        code, said = told(write(files, tmp_path / f"{number}.zip"))
        assert code == 1 and words in said, said


def test_whoever_signs_in_anothers_name_is_found(
    released: tuple[Consortium, str], bundle: Path, tmp_path: Path
) -> None:

    from counterfoil.governance.verification.bundle import make_inventory

    _, job = released
    impostor = Home.create(tmp_path / "impostor", "regulator", str(tmp_path / "exchange"))
    files = read(bundle)
    assert json.loads(claimed(files.pop("bundle.json")))["exporter"] == "regulator"
    files["bundle.json"] = make_inventory(job, files, impostor.keys, clock.now())
    code, said = run("verify", write(files, tmp_path / "forged.zip"))
    assert code == 30 and "not exported by regulator, who has another key" in said


def test_a_job_that_nobody_knows_has_no_bundle(released: tuple[Consortium, str], tmp_path: Path) -> None:
    banks, _ = released
    code, said = run("evidence", "0" * 32, "--out", tmp_path / "x.zip", "--home", banks.homes["bank-b"].path)
    assert code == 91 and "knows a job" in said
    assert not (tmp_path / "x.zip").exists()


def test_releases_that_nobody_signed_are_told_and_passed_over(released: tuple[Consortium, str]) -> None:
    banks, job = released
    store = banks.homes["regulator"].exchange
    stranger = ("releases", "0" * 64, "regulator", "node-0")
    store.put_named(stranger, b"mine")
    code, said = run("verify", store.url)
    assert code == 0, said
    assert f"{'/'.join(stranger[:2])}: nobody here signed any of it" in said
    assert f"job {job} of" in said
    # Where a node's own word lies, it is not passed over.
    (name, *_) = (name for name in store.list(("releases",)) if name[1] != stranger[1])
    store.put_named((*stranger[:2], *name[2:]), store.get_named(name), replace=True)
    code, said = run("verify", store.url)
    assert code == NotFoundError.exit_code, said
    shutil.rmtree(Path(store.url, *stranger[:2]))
