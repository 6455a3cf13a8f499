"""Checks a bundle by `docs/formats.md` alone: no code of ours, nothing but Python and its `cryptography`.

reader.py BUNDLE.zip CARD... says what held, or ends with 1 and the first thing that does not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Files = dict[str, bytes]
Keys = dict[str, bytes]


class WrongError(Exception):
    """Something does not hold."""


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise WrongError(what)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_signature(key: bytes, signature: bytes, message: bytes, what: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise WrongError(f"the signature on {what}") from None


def canonical(data: bytes, what: str) -> dict:
    """The JSON object, which stands in its canonical form; all of its numbers are whole."""
    value = json.loads(data)
    again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    demand(again == data, f"the form of {what}")
    return value


# --- signed papers ----------------------------------------------------------------------------------------------


def opened(data: bytes, kind: str, key: bytes, what: str) -> bytes:
    """The payload of an envelope of this kind that the key signed."""
    envelope = canonical(data, what)
    demand(envelope["payloadType"] == f"application/vnd.counterfoil.{kind}", f"the kind of {what}")
    payload = base64.b64decode(envelope["payload"])
    by = [each["sig"] for each in envelope["signatures"] if each["keyid"] == digest(key)]
    demand(len(by) == 1, f"who signed {what}")
    type_ = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(type_), type_, len(payload), payload)
    check_signature(key, base64.b64decode(by[0]), signed, what)
    return payload


# --- logs -------------------------------------------------------------------------------------------------------


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root(leaves[:split]), root(leaves[split:]))


def root_of_path(hash_: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to: RFC 9162, 2.1.3.2."""
    last = size - 1
    for each in path:
        demand(last > 0, "the length of a proof")
        if index & 1 or index == last:
            hash_ = node(each, hash_)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            hash_ = node(hash_, each)
        index, last = index >> 1, last >> 1
    demand(last == 0, "the length of a proof")
    return hash_


def lines_by(note: bytes, name: str, kind: bytes, key: bytes) -> tuple[bytes, list[bytes]]:
    """The note's text, and what stands after the key's id in each signature line of this name, type and key."""
    text, _, lines = note.rpartition(b"\n\n")
    text += b"\n"
    wanted = hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]
    found = []
    for line in lines.decode().splitlines():
        dash, who, value = line.split(" ")
        raw = base64.b64decode(value)
        if (dash, who, raw[:4]) == ("—", name, wanted):
            found.append(raw[4:])
    return text, found


def checkpoint(note: bytes, party: str, key: bytes) -> tuple[int, bytes]:
    """The size and the root that the party signed."""
    text, signatures = lines_by(note, f"counterfoil/{party}", b"\1", key)
    demand(len(signatures) == 1, f"a checkpoint of {party}")
    check_signature(key, signatures[0], text, f"a checkpoint of {party}")
    origin, size, root_ = text.decode().splitlines()
    demand(origin == f"counterfoil/{party}", f"the origin of a checkpoint of {party}")
    return int(size), base64.b64decode(root_)


def cosigners(note: bytes, keys: Keys) -> set[str]:
    """Whose cosignatures are on the note."""
    found = set()
    for party, key in keys.items():
        text, signatures = lines_by(note, f"counterfoil/{party}", b"\4", key)
        for each in signatures:
            message = b"cosignature/v1\ntime %d\n" % int.from_bytes(each[:8], "big") + text
            check_signature(key, each[8:], message, f"a cosignature of {party}")
            found.add(party)
    return found


def entries_of(files: Files, party: str, size: int) -> list[bytes]:
    """The first `size` entries, from their tiles."""
    entries: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - 256 * number)
        demand(number < 1000, "a log of more entries than this reader reads")
        name = f"{number:03}" if width == 256 else f"{number:03}.p/{width}"
        tile = files.get(f"log/{party}/tile/entries/{name}", b"")
        while tile:
            length = int.from_bytes(tile[:2], "big")
            entries.append(tile[2 : 2 + length])
            tile = tile[2 + length :]
    return entries


def check_log(files: Files, party: str, keys: Keys) -> list[bytes]:
    """The entries of a log that is whole, and continues all that was ever signed of it."""
    prefix = f"log/{party}/"
    size, top = checkpoint(files[prefix + "checkpoint"], party, keys[party])
    entries = entries_of(files, party, size)
    leaves = [leaf(entry) for entry in entries]
    demand(len(entries) == size and root(leaves) == top, f"the entries of the log of {party}")
    prev = "0" * 64
    for index, entry in enumerate(entries):
        event = canonical(entry, f"entry {index} of {party}")
        said = (event["index"], event["actor"], event["prev"])
        demand(said == (index, party, prev), f"entry {index} of the log of {party}")
        prev = leaves[index].hex()
    for path, note in files.items():
        folder, *witness = path.removeprefix(prefix).split("/")[:-1] or [""]
        if path.startswith(prefix) and folder in ("checkpoints", "cosigned"):
            earlier, top = checkpoint(note, party, keys[party])
            demand(earlier <= size and root(leaves[:earlier]) == top, path)
            demand(not witness or witness[0] in cosigners(note, keys), path)
    return entries


# --- a job ------------------------------------------------------------------------------------------------------


def below(files: Files, prefix: str) -> list[list[str]]:
    return [path.removeprefix(prefix).split("/") for path in sorted(files) if path.startswith(prefix)]


def check_inventory(files: Files, keys: Keys) -> str:
    envelope = canonical(files["bundle.json"], "bundle.json")
    exporter = json.loads(base64.b64decode(envelope["payload"]))["exporter"]
    inventory = canonical(opened(files["bundle.json"], "bundle", keys[exporter], "bundle.json"), "the inventory")
    found = {path: digest(data) for path, data in files.items() if path != "bundle.json"}
    for path in sorted(found.keys() | inventory["files"].keys()):
        demand(found.get(path) == inventory["files"].get(path), path)
    return str(inventory["job"])


def check_draft(files: Files, draft: str, keys: Keys) -> tuple[dict, list[str]]:
    """The evidence, and the nodes that signed it."""
    nodes = [parts[0] for parts in below(files, f"evidence/{draft}/")]
    for each in nodes:
        path = f"evidence/{draft}/{each}"
        payload = opened(files[path], "evidence", keys[each], path)
        demand(digest(payload) == draft, path)
    return canonical(payload, f"the evidence {draft}"), nodes


def check_release(files: Files, draft: str, recipient: str, by: str, nodes: list[str], logs: dict, keys: Keys) -> dict:
    path = f"releases/{draft}/{recipient}/{by}"
    release = canonical(opened(files[path], "release", keys[by], path), path)
    demand((release["evidence"], release["node"], release["recipient"]) == (draft, by, recipient), path)
    for reviewer, decision in release["approvals"].items():
        where = f"decisions/{draft}/{reviewer}/approve"
        payload = opened(files[where], "decision", keys[reviewer], where)
        said = canonical(payload, where)
        demand(digest(payload) == decision and (said["party"], said["verdict"]) == (reviewer, "approve"), where)
        demand((said["evidence"], said["job"]) == (draft, release["job"]), where)
    raw = release["entry"].encode()
    entry = canonical(raw, f"the entry of {path}")
    demand(logs[by][entry["index"]] == raw, f"the announcement of {path}")
    announced = {name[3:]: value for name, value in entry["refs"].items() if name.startswith("by-")}
    about = (entry["type"], entry["subject"], entry["refs"]["evidence"], announced)
    demand(about == ("release-approved", release["job"], draft, release["approvals"]), f"the announcement of {path}")
    demand(len(announced) >= entry["counts"]["quorum"] > 0, f"the quorum of {path}")
    seen = set()
    for proof in release["proofs"]:
        head, _, note = proof.partition("\n\n")
        version, index, *hashes = head.split("\n")
        demand((version, index) == ("c2sp.org/tlog-proof@v1", f"index {entry['index']}"), f"a proof of {path}")
        size, top = checkpoint(note.encode(), by, keys[by])
        path_up = [base64.b64decode(each) for each in hashes]
        demand(root_of_path(leaf(raw), entry["index"], size, path_up) == top, f"a proof of {path}")
        seen |= cosigners(note.encode(), keys)
    demand(seen >= set(nodes) - {by}, f"the cosignatures of {path}")
    return release


def check(files: Files, keys: Keys) -> list[str]:
    """What held."""
    job = check_inventory(files, keys)
    said = [f"inventory of job {job}: {len(files)} files"]
    logs = {}
    for party in sorted({parts[0] for parts in below(files, "log/")}):
        logs[party] = check_log(files, party, keys)
        said.append(f"log of {party}: {len(logs[party])} entries")
    for draft in sorted({parts[0] for parts in below(files, "evidence/")}):
        evidence, nodes = check_draft(files, draft, keys)
        demand(evidence["job"] == job, f"the job of draft {draft}")
        for recipient in sorted({parts[0] for parts in below(files, f"releases/{draft}/")}):
            releases = {by: check_release(files, draft, recipient, by, nodes, logs, keys) for by in nodes}
            said.append(f"released to {recipient} by {', '.join(nodes)}")
            receipt = f"opened/{draft}/{recipient}"
            if receipt in files:
                copies = canonical(opened(files[receipt], "opened", keys[recipient], receipt), receipt)["copies"]
                demand(copies == {by: release["sealed"] for by, release in releases.items()}, receipt)
                said.append(f"opened by {recipient}")
    return said


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    cards = [json.loads(Path(path).read_bytes()) for path in sys.argv[2:]]
    keys = {card["party"]: base64.b64decode(card["sign"]) for card in cards}
    try:
        sys.stdout.write("\n".join(check(files, keys)) + "\n")
    except (WrongError, KeyError, ValueError, IndexError) as reason:
        sys.exit(f"does not hold: {reason}")


if __name__ == "__main__":
    main()
