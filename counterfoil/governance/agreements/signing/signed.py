"""Agreements as every party holds them: files under their digests, one statement, one signature a party.

The exchange that carries all this is trusted for nothing. A party starts from its own signature: it covers the
statement, the statement covers the roster by digest, and the roster says whose the other signatures must be.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import MAX_YAML_BYTES, Ref
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import NotFoundError, RosterError, SignatureError, TamperedError
from counterfoil.files import read_file, read_named
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.parse import PlanCheck, named_files, parse_agreement
from counterfoil.governance.agreements.repetition import check_repeats
from counterfoil.governance.agreements.signing.link_key import deal_link_key
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.documents import read_json
from counterfoil.governance.papers import Paper
from counterfoil.governance.parties.roster import Roster, parse_roster
from counterfoil.governance.policies.policy import parse_policy
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home
    from counterfoil.storage.exchange import Exchange

SIGNATURE: Final = Paper(
    kind="agreement",
    schema="statement",
    says="a party agrees; the payload is the statement that binds every file by its digest",
    folder="signatures",
    place=("agreement", "party"),
    signer="party",
    absent="not signed by {party}",
    other="the signature of {party} is over another agreement",
    bundled="agreement",
)
KIND: Final = SIGNATURE.kind


@dataclass(frozen=True, slots=True)
class SignedAgreement:
    """An agreement whose every party's signature was verified, and its reference. Only `in_force.load` makes one."""

    terms: Agreement
    ref: Ref

    @property
    def digest(self) -> str:
        """The agreement's name in everything that refers to it."""
        return self.ref.digest


def read_agreement(path: Path, roster: Roster, plans: PlanCheck | None = None) -> Agreement:
    """Read the agreement in the file, with its contracts from `../data` and its policies from `../policies`.

    What `plans` finds is raised with the rest, all at once.

    Raises: NotFoundError, AgreementError, ContractError, DocumentError.
    """
    raw = read_file(path)
    contracts, policies = named_files(raw, path.name)
    root = path.resolve().parent.parent
    return parse_agreement(
        raw,
        path.name,
        {
            name: parse_contract(read_named(root / "data" / file, MAX_YAML_BYTES), file)
            for name, file in contracts.items()
        },
        [parse_policy(read_named(root / "policies" / file, MAX_YAML_BYTES), file) for file in policies],
        roster,
        plans,
    )


def publish(agreement: Agreement, exchange: Exchange, party: str) -> Ref:
    """Publish the agreement, as a proposal of the party, with every file that it rests on."""
    _check_repetition(agreement, exchange)
    files = [agreement.raw, agreement.roster.raw]
    files += [contract.raw for contract in agreement.contracts.values()]
    files += [policy.raw for policy in agreement.policies]
    for raw in files:
        exchange.put("document", party, raw)
    return exchange.put(KIND, party, agreement.statement)


def fetch_agreement(exchange: Records, ref: Ref, plans: PlanCheck | None = None) -> Agreement:
    """Fetch the proposal from the exchange, consistent and bound by its digest, whichever parties signed it.

    What `plans` finds is raised with the rest, all at once.

    Raises: NotFoundError, TamperedError, DocumentError and its kin.
    """
    payload = exchange.get(ref)
    statement = read_json(payload, "statement", "statement")

    def blob(digest: str) -> bytes:
        return exchange.get(Ref("document", ref.owner, digest))

    raw, source = blob(statement["agreement"]), f"{statement['id']}.agreement.yaml"
    files, policy_files = named_files(raw, source)
    if set(files) != set(statement["contracts"]) or len(policy_files) != len(statement["policies"]):
        raise TamperedError(f"{ref}: the statement does not list the files that the agreement names")
    agreement = parse_agreement(
        raw,
        source,
        {name: parse_contract(blob(statement["contracts"][name]), file) for name, file in files.items()},
        [parse_policy(blob(digest), file) for digest, file in zip(statement["policies"], policy_files, strict=True)],
        parse_roster(blob(statement["roster"]), "roster.yaml"),
        plans,
    )
    if agreement.statement != payload:
        raise TamperedError(f"{ref}: the statement does not describe the agreement that it binds")
    return agreement


def sign_agreement(agreement: Agreement, keys: PrivateKeys, exchange: Exchange) -> None:
    """Sign the agreement and publish the signature. The first owner deals the link key, if any.

    Raises: RosterError unless the agreement names the party, and the roster these keys.
    """
    _check_listed(agreement, keys.public)
    _check_repetition(agreement, exchange)
    if agreement.links and keys.party == agreement.owners[0]:
        deal_link_key(agreement, keys, exchange)
    SIGNATURE.publish(agreement.statement, keys, exchange, agreement=agreement.digest, party=keys.party)


def has_signed(agreement: Agreement, party: str, exchange: Records) -> bool:
    """Tell whether the party's signature under the agreement is in the exchange, and is right."""
    try:
        _verify(agreement.statement, agreement.digest, agreement.roster.party(party).keys, exchange)
    except SignatureError:
        return False
    return True


def check_named(agreement: Agreement, keys: PublicKeys) -> None:
    """Check that the agreement names the party, and its roster this signing key.

    Raises: RosterError.

    The keys that are renewed may be others by now; which of them this agreement lists, a home looks up.
    """
    if keys.party not in agreement.parties:
        raise RosterError(f"agreement {agreement.id} does not name {keys.party}")
    if agreement.roster.party(keys.party).keys.sign != keys.sign:
        raise RosterError(f"roster {agreement.roster.id} lists other keys for {keys.party}; send it the present card")


def own_keys(agreement: Agreement, home: Home) -> PrivateKeys:
    """Return this party's keys as the agreement lists them: its present ones, or earlier ones that it still holds.

    Raises: RosterError, NotFoundError.
    """
    return home.keys.matching(agreement.roster.party(home.party).keys)


def unsigned(agreement: Agreement, exchange: Records) -> dict[str, str]:
    """Say why the agreement does not bind yet: what is wrong with whose signature."""
    problems = {}
    for party in agreement.parties:
        try:
            _verify(agreement.statement, agreement.digest, agreement.roster.party(party).keys, exchange)
        except SignatureError as error:
            problems[party] = str(error)
    return problems


def check_signed(exchange: Records, ref: Ref, signer: PublicKeys) -> None:
    """Check that the party signed the statement, of which nothing is parsed.

    Raises: SignatureError; NotFoundError, TamperedError.
    """
    _verify(exchange.get(ref), ref.digest, signer, exchange)


def verify_signatures(agreement: Agreement, ref: Ref, exchange: Records) -> SignedAgreement:
    """Verify that every party signed the agreement, under its roster's keys, and that what it repeats is there.

    For `in_force.load` alone, which says what else must hold.

    Raises: SignatureError; AgreementError, NotFoundError, TamperedError of what it repeats.
    """
    if problems := unsigned(agreement, exchange):
        raise SignatureError(
            f"agreement {agreement.id} does not bind yet: {'; '.join(problems.values())}. Every party signs it: "
            "counterfoil agreement sign"
        )
    _check_repetition(agreement, exchange)
    return SignedAgreement(agreement, ref)


def _check_repetition(agreement: Agreement, exchange: Records) -> None:
    """Check that what it repeats, if anything, is in the exchange and is the same. Raises: AgreementError."""
    if agreement.repeats:
        check_repeats(agreement, fetch_agreement(exchange, agreement.repeats.agreement))


def _check_listed(agreement: Agreement, keys: PublicKeys) -> None:
    check_named(agreement, keys)
    if agreement.roster.party(keys.party).keys != keys:
        raise RosterError(f"roster {agreement.roster.id} lists other keys for {keys.party}; send it the present card")


def _verify(statement: bytes, digest: str, signer: PublicKeys, exchange: Records) -> None:
    try:
        envelope = SIGNATURE.fetch(exchange, agreement=digest, party=signer.party)
    except NotFoundError as error:
        raise SignatureError(str(error)) from None
    if SIGNATURE.verify(envelope, signer) != statement:
        raise SignatureError(SIGNATURE.other.format(party=signer.party))
