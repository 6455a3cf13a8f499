"""Create, load, renew and destroy a party's three keys: signing (Ed25519), sealing (X-Wing) and links (TLS).

The signing key is who a party is. The other two are renewed while it stays; each pair of them is a generation, and an
earlier one is kept for as long as somebody may still use it. Knows files and formats of keys. Knows nothing of what is
signed or sealed, nor which party to trust: that is the roster's business.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from counterfoil import clock
from counterfoil.canonical import Json, check_id, digest
from counterfoil.confinement import withhold_memory
from counterfoil.errors import DocumentError, NotFoundError, StoreError
from counterfoil.files import private_folder, read_file, sync_folder, write_file
from counterfoil.secret import Secret

PASSPHRASE = "COUNTERFOIL_PASSPHRASE"  # noqa: S105 (the variable's name)
TLS_DAYS = 90

_ED25519_BYTES = 32
_MLKEM_BYTES = 1184
_XWING_BYTES = _MLKEM_BYTES + 32
_MAX_CERTIFICATE_BYTES = 2048

_SIGN, _SEAL_MLKEM, _SEAL_X25519 = "sign.pem", "seal-mlkem768.pem", "seal-x25519.pem"
_TLS, _TLS_CERTIFICATE, _SALT = "tls.pem", "tls.crt", "salt"


@dataclass(frozen=True)
class PublicKeys:
    """A party's id and the raw bytes of its three public keys.

    `sign` is an Ed25519 key, `seal` an X-Wing key (ML-KEM-768, then X25519), `tls` a DER certificate on EC P-256.
    """

    party: str
    sign: bytes
    seal: bytes
    tls: bytes

    def __post_init__(self) -> None:
        check_id(self.party, "party")
        if len(self.sign) != _ED25519_BYTES or len(self.seal) != _XWING_BYTES:
            raise DocumentError(f"party {self.party}: the signing or the sealing key has the wrong length")
        try:
            _ = self.sealing_key, self.certificate
            key = self.certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise DocumentError(f"party {self.party}: the sealing key or the certificate is not valid") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise DocumentError(f"party {self.party}: the certificate's key must be on the curve P-256")

    @cached_property
    def sign_id(self) -> str:
        """SHA-256 of the signing key, in hex: the key's id in signatures."""
        return digest(self.sign)

    @cached_property
    def seal_id(self) -> str:
        """SHA-256 of the sealing key, in hex."""
        return digest(self.seal)

    @cached_property
    def tls_pin(self) -> str:
        """SHA-256 of the certificate's SubjectPublicKeyInfo, in hex: what a peer must show on a link."""
        return tls_pin(self.tls)

    @cached_property
    def signing_key(self) -> ed25519.Ed25519PublicKey:
        """The signing key, ready to verify with."""
        return ed25519.Ed25519PublicKey.from_public_bytes(self.sign)

    @cached_property
    def sealing_key(self) -> MLKEM768X25519PublicKey:
        """The sealing key, ready to seal to."""
        return MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(self.seal[:_MLKEM_BYTES]),
            x25519.X25519PublicKey.from_public_bytes(self.seal[_MLKEM_BYTES:]),
        )

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate of the party's links."""
        if len(self.tls) > _MAX_CERTIFICATE_BYTES:
            raise ValueError("certificate too long")
        return _read_certificate(self.tls)

    def to_json(self) -> dict[str, Json]:
        """Write the public card as plain JSON values."""
        encoded = {name: base64.b64encode(getattr(self, name)).decode() for name in ("sign", "seal", "tls")}
        return {"party": self.party, **encoded}

    @classmethod
    def from_json(cls, card: object) -> PublicKeys:
        """Parse a public card. Raises: DocumentError."""
        if not isinstance(card, Mapping) or set(card) != {"party", "sign", "seal", "tls"}:
            raise DocumentError("a card has exactly the fields party, sign, seal and tls")
        if not all(isinstance(value, str) for value in card.values()):
            raise DocumentError("each field of a card is text")
        party = check_id(card["party"], "party")
        try:
            sign, seal, tls = (base64.b64decode(card[name], validate=True) for name in ("sign", "seal", "tls"))
        except (binascii.Error, ValueError):
            raise DocumentError(f"card of {party}: the keys are written in base64") from None
        return cls(party, sign, seal, tls)


def read_card(raw: bytes) -> PublicKeys:
    """Parse the bytes of a card file. Raises: DocumentError."""
    try:
        return PublicKeys.from_json(json.loads(raw))
    except (ValueError, RecursionError):
        raise DocumentError("a card is JSON, as `counterfoil party card` prints it") from None


class PrivateKeys(Secret):
    """A party's private keys of one generation, and the TLS pair that its links present."""

    def __init__(self, folder: Path, party: str, generation: int | None = None, password: bytes | None = None) -> None:
        """Load the keys in the folder, of the last generation unless told. Raises: NotFoundError, StoreError."""
        withhold_memory()
        password = password or _password(folder)
        self.party = party
        self.generation = generation or _generations(folder)[-1]
        own = _place(folder, self.generation)
        paths = folder / _SIGN, own / _SEAL_MLKEM, own / _SEAL_X25519
        sign, mlkem_key, x25519_key = (_load(path, password) for path in paths)
        if not (
            isinstance(sign, ed25519.Ed25519PrivateKey)
            and isinstance(mlkem_key, mlkem.MLKEM768PrivateKey)
            and isinstance(x25519_key, x25519.X25519PrivateKey)
        ):
            raise StoreError(f"{folder} holds keys of other kinds than their names say")
        self.signing_key = sign
        self.sealing_key = MLKEM768X25519PrivateKey(mlkem_key, x25519_key)
        self._folder = folder
        self._own = own
        self._password = password
        self.public = PublicKeys(
            party,
            sign.public_key().public_bytes_raw(),
            mlkem_key.public_key().public_bytes_raw() + x25519_key.public_key().public_bytes_raw(),
            _load_certificate(own / _TLS_CERTIFICATE),
        )

    @classmethod
    def create(cls, folder: Path, party: str) -> PrivateKeys:
        """Generate a party's keys and write each to a file of its own that only its user can read.

        They are encrypted if the environment holds COUNTERFOIL_PASSPHRASE.

        Raises: StoreError if the folder holds anything already; DocumentError if `party` is not an id.
        """
        check_id(party, "party")
        withhold_memory()
        if any(private_folder(folder).iterdir()):
            raise StoreError(f"{folder} is not empty; keys are never overwritten")
        if os.environ.get(PASSPHRASE):
            write_file(folder / _SALT, secrets.token_bytes(16))
        password = _password(folder)
        _write(folder, {_SIGN: ed25519.Ed25519PrivateKey.generate()}, password)
        _write_generation(folder, party, password)
        return cls(folder, party, password=password)

    @classmethod
    def load(cls, folder: Path, party: str) -> PrivateKeys:
        """Load the last generation of the keys in the folder. Raises: NotFoundError, StoreError."""
        return cls(folder, party)

    def renewed(self) -> PrivateKeys:
        """Generate the next generation beside the others: the same signing key, new keys for the rest.

        Raises: StoreError.
        """
        folder = _place(self._folder, _generations(self._folder)[-1] + 1)
        if folder.exists():  # left behind by a crash: without a certificate, so it was never published
            for path in folder.iterdir():
                path.unlink()
        _write_generation(private_folder(folder), self.party, self._password)
        return PrivateKeys(self._folder, self.party, password=self._password)

    def all(self) -> tuple[PrivateKeys, ...]:
        """Load every generation in the folder, the last one last. Raises: StoreError."""
        return tuple(PrivateKeys(self._folder, self.party, n, self._password) for n in _generations(self._folder))

    def check_whole(self) -> None:
        """Check that every generation is complete, and that each certificate is that of its key.

        Raises: NotFoundError, StoreError.
        """
        for keys in self.all():
            keys.load_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def matching(self, public: PublicKeys) -> PrivateKeys:
        """Find the generation with these public keys. Raises: NotFoundError."""
        for keys in (self, *self.all()):
            if keys.public == public:
                return keys
        raise NotFoundError(f"{self.party} does not hold the keys that are listed for it; they are of another home")

    def destroy(self) -> None:
        """Delete this generation's private keys, so that nothing sealed to them opens again.

        Raises: StoreError if it is the last one.
        """
        if self.generation == _generations(self._folder)[-1]:
            raise StoreError(
                f"{self._own} holds the present keys of {self.party}; renew them before they are destroyed"
            )
        _destroy(self._own)

    def sweep(self) -> None:
        """Delete what a crash left of earlier generations: such as have no certificate, which goes first."""
        for generation in range(1, _generations(self._folder)[-1]):
            own = _place(self._folder, generation)
            if own.is_dir() and not (own / _TLS_CERTIFICATE).exists():
                _destroy(own)

    def load_tls(self, context: ssl.SSLContext) -> None:
        """Load this party's certificate and TLS key into the context. Raises: StoreError."""
        try:
            context.load_cert_chain(self._own / _TLS_CERTIFICATE, self._own / _TLS, lambda: self._password or b"")
        except (OSError, ssl.SSLError):
            raise StoreError(
                f"the TLS key in {self._own} cannot be loaded: it or its certificate is gone or damaged, or one is not "
                "the other's; put the files back, or the home: counterfoil home restore"
            ) from None


def tls_pin(certificate: bytes) -> str:
    """Compute the SHA-256 of a DER certificate's SubjectPublicKeyInfo, in hex.

    Raises: ValueError if the bytes are no certificate.
    """
    key = _read_certificate(certificate).public_key()
    return digest(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def tls_validity(certificate: bytes) -> tuple[datetime, datetime]:
    """Return the start and the end of a DER certificate's validity.

    Raises: ValueError if the bytes are no certificate.
    """
    shown = _read_certificate(certificate)
    return shown.not_valid_before_utc, shown.not_valid_after_utc


def _read_certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:  # which is no ValueError
        raise ValueError(str(error)) from None


def self_signed(key: ec.EllipticCurvePrivateKey, party: str) -> x509.Certificate:
    """Sign a certificate of the party's links with its own key, from now on for TLS_DAYS."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, party)])
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ a little
        .not_valid_after(now + timedelta(days=TLS_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(party)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _place(folder: Path, generation: int) -> Path:
    return folder if generation == 1 else folder / str(generation)


def _generations(folder: Path) -> list[int]:
    """List the complete generations: those with a certificate, which is written last; or the first alone."""
    later = sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit())
    return [n for n in (1, *later) if (_place(folder, n) / _TLS_CERTIFICATE).exists()] or [1]


def _destroy(own: Path) -> None:
    for name in (_TLS_CERTIFICATE, _TLS, _SEAL_MLKEM, _SEAL_X25519):
        (own / name).unlink(missing_ok=True)
    sync_folder(own)


def _write_generation(folder: Path, party: str, password: bytes | None) -> None:
    tls = ec.generate_private_key(ec.SECP256R1())
    private: dict[str, PrivateKeyTypes] = {
        _SEAL_MLKEM: mlkem.MLKEM768PrivateKey.generate(),
        _SEAL_X25519: x25519.X25519PrivateKey.generate(),
        _TLS: tls,
    }
    _write(folder, private, password)
    write_file(folder / _TLS_CERTIFICATE, self_signed(tls, party).public_bytes(Encoding.PEM))


def _write(folder: Path, private: Mapping[str, PrivateKeyTypes], password: bytes | None) -> None:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    for name, key in private.items():
        write_file(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))


def _password(folder: Path) -> bytes | None:
    """Derive the password of the key files with Argon2id, since PKCS #8's own derivation is too cheap."""
    if not (folder / _SALT).exists():
        return None
    kdf = Argon2id(salt=read_file(folder / _SALT), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return kdf.derive(os.environ.get(PASSPHRASE, "").encode()).hex().encode()


def _load(path: Path, password: bytes | None) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(read_file(path), password)
    except (ValueError, TypeError):
        raise StoreError(f"{path} does not open; is {PASSPHRASE} set, and right?") from None


def _load_certificate(path: Path) -> bytes:
    try:
        return x509.load_pem_x509_certificate(read_file(path)).public_bytes(Encoding.DER)
    except ValueError:
        raise StoreError(f"{path} is no certificate") from None
