"""Signed statements: one descriptor a kind says how it is signed, read and named, and the statement's class its fields.

A `Paper` is the kind: its DSSE payload type, its schema, whose signature it has, and its name in an exchange, whose
parts are fields of the statement. So a statement that was copied to another name, or that somebody signed in another
party's name, is refused in one place for all of them. Knows no statement, and no store but by the two calls it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, ClassVar, Final, Literal, Protocol, Self, TypeAlias, get_origin, get_type_hints

from counterfoil.canonical import Json, digest, jcs
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import CounterfoilError, DocumentError, NotFoundError, SignatureError
from counterfoil.governance.documents import read_day, read_json, read_time, write_time

Name: TypeAlias = tuple[str, ...]

Bundled: TypeAlias = Literal["agreement", "evidence", "job", "manifest"]
"""What of a job a bundle takes a paper with: all that have the first part of their names in common with it."""

DIGEST: Final = "digest"
"""The part of a name that is no field but the digest of the statement."""


class Readable(Protocol):
    """What a paper is read from: records, whoever wrote them."""

    def get_named(self, name: Name, *, at_most: int | None = None) -> bytes:
        """Return what has the name. Raises: NotFoundError."""

    def list(self, prefix: Name = ()) -> list[Name]:
        """List the names below a prefix."""


class Writable(Protocol):
    """Where a paper is published."""

    def put_named(self, name: Name, data: bytes, *, replace: bool = False) -> None:
        """Store the data under the name. Raises: ReplayError if it is taken, unless it may be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One kind of signed statement.

    `kind` is the payload type that a signature covers; `says` tells people what the signer states; `schema` names the
    JSON Schema of its payload, "" where the payload is no JSON of ours. Its name in an exchange is `folder` and then
    the `place`, of which the part `signer` is the party that signs it. Papers without a folder travel otherwise.
    `absent` and `other` are the messages where there is none, and where it is not the one
    of its name (of class `refusal`). `bundled` says with what a bundle takes it; None keeps it out.
    """

    kind: str
    says: str
    schema: str = ""
    title: str = ""
    folder: str = ""
    place: tuple[str, ...] = ()
    signer: str = ""
    absent: str = ""
    other: str = ""
    refusal: type[CounterfoilError] = SignatureError
    bundled: Bundled | None = None
    at_most: int | None = None
    replaces: bool = True

    @property
    def called(self) -> str:
        """How messages call it."""
        return self.title or self.kind

    def name(self, *parts: str) -> Name:
        """Name one in an exchange, by the parts of its place, or the folder of those that have the first ones."""
        return (self.folder, *parts)

    def name_of(self, **parts: object) -> Name:
        """Name one in an exchange, by the parts of its place."""
        return (self.folder, *(str(parts[part]) for part in self.place))

    def parts(self, name: Name) -> dict[str, str] | None:
        """Tell the parts of a name in the folder apart; None for a name that no such paper has."""
        if name[:1] != (self.folder,) or len(name) != len(self.place) + 1:
            return None
        return dict(zip(self.place, name[1:], strict=True))

    def sign(self, payload: bytes, keys: PrivateKeys, envelope: bytes | None = None) -> bytes:
        """Sign the payload, beside the signatures of the given envelope. Raises: SignatureError; TextError."""
        return sign(self.kind, payload, keys, envelope)

    def verify(self, envelope: bytes, *signers: PublicKeys) -> bytes:
        """Return the payload, which all of these signed as a paper of this kind. Raises: SignatureError."""
        return verify(envelope, self.kind, signers).payload

    def publish(self, payload: bytes, keys: PrivateKeys, exchange: Writable, **parts: object) -> None:
        """Sign the payload and publish it under its name. Raises: ReplayError where the first counts; StoreError."""
        exchange.put_named(self.name_of(**parts), self.sign(payload, keys), replace=self.replaces)

    def fetch(self, records: Readable, **parts: object) -> bytes:
        """Return the envelope of that name, unverified. Raises: NotFoundError, in the words of this kind."""
        try:
            return records.get_named(self.name_of(**parts), at_most=self.at_most)
        except NotFoundError:
            raise NotFoundError(self.absent.format_map(parts)) from None


@dataclass(frozen=True, slots=True)
class Statement:
    """The fields of a paper: a frozen dataclass that is packed to the bytes which are signed, and read from them.

    Its subclasses say of which `PAPER` they are, and no more where their fields are texts, numbers, mappings of those,
    tuples of texts, days or moments; others override `to_json` and `from_json`.
    """

    PAPER: ClassVar[Paper]

    def pack(self) -> bytes:
        """Return the bytes that are signed."""
        return jcs({"format": f"counterfoil/{self.PAPER.schema}/1", **self.to_json()})

    @classmethod
    def unpack(cls, payload: bytes, what: str = "") -> Self:
        """Read the statement from its bytes; messages call it `what`.

        Packed again it is these bytes, so its digest is theirs for every reader. Raises: DocumentError.
        """
        value = read_json(payload, what or cls.PAPER.called, cls.PAPER.schema)
        value.pop("format")
        said = cls(**cls.from_json(value))
        if said.pack() != payload:
            raise DocumentError(
                f"{what or cls.PAPER.called}: its fields are those of another format than it names; let its signer "
                "write it anew with this version"
            )
        return said

    @property
    def digest(self) -> str:
        """The digest of its bytes, by which other papers and log entries refer to it."""
        return digest(self.pack())

    def to_json(self) -> Mapping[str, Json]:
        """State the fields as JSON."""
        return {each.name: _stated(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Read the fields from JSON of the schema's shape. Raises: DocumentError."""
        kinds = _kinds(cls)
        return {name: _read(each, kinds[name]) for name, each in value.items()}

    def check(self) -> None:
        """Check that a reader would take it. Raises: DocumentError; TextError."""
        self.unpack(self.pack())

    def publish(self, keys: PrivateKeys, exchange: Writable) -> None:
        """Sign the statement and publish it, if its readers will take it.

        Raises: DocumentError; ReplayError where the first one counts; StoreError.
        """
        self.check()
        self.PAPER.publish(self.pack(), keys, exchange, **self._place())

    @classmethod
    def verified(cls, envelope: bytes, signer: PublicKeys) -> Self:
        """Read what the party signed, whatever it is about. Raises: SignatureError, DocumentError."""
        return cls.unpack(cls.PAPER.verify(envelope, signer), f"{cls.PAPER.called} of {signer.party}")

    @classmethod
    def read(cls, records: Readable, signer: PublicKeys, **parts: object) -> Self:
        """Read the statement that the party signed under the name of these parts: it says itself that it is that one.

        Raises: NotFoundError; SignatureError, or what the kind refuses by; DocumentError.
        """
        parts = {**parts, cls.PAPER.signer: signer.party}
        said = cls.verified(cls.PAPER.fetch(records, **parts), signer)
        said.check_is(**parts)
        return said

    @classmethod
    def find(cls, records: Readable, signers: Mapping[str, PublicKeys], *first: str) -> Iterator[Self]:
        """Yield each statement whose name begins so and which the signer in its name signed; pass over all others.

        Anybody may put something there.
        """
        for name in records.list(cls.PAPER.name(*first)):
            parts = cls.PAPER.parts(name)
            if parts and (signer := signers.get(parts[cls.PAPER.signer])):
                try:
                    said = cls.read(records, signer, **parts)
                except (SignatureError, DocumentError, NotFoundError, cls.PAPER.refusal):
                    continue
                yield said

    def check_is(self, **parts: object) -> None:
        """Check that the statement is the one of that name. Raises: SignatureError, or what the kind refuses by."""
        if self._place() != {name: str(part) for name, part in parts.items()}:
            raise self.PAPER.refusal(self.PAPER.other.format_map(parts))

    def _place(self) -> dict[str, str]:
        return {part: str(getattr(self, part)) for part in self.PAPER.place}


def _stated(value: Any) -> Json:
    if isinstance(value, datetime):
        return write_time(value)
    if isinstance(value, date):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value


def _read(value: Any, kind: Any) -> Any:
    if kind is datetime:
        return read_time(value)
    if kind is date:
        return read_day(value)
    return tuple(value) if get_origin(kind) is tuple else value


def _kinds(statement: type[Statement]) -> dict[str, Any]:
    return get_type_hints(statement)
