"""Public keys whose private halves nobody keeps: for trying documents out before their parties have made keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.crypto.keys import PublicKeys, self_signed


def unheld_keys(party: str) -> PublicKeys:
    """Make public keys for the party that nothing can be signed, opened or linked with.

    Raises: DocumentError if `party` is not an id.
    """
    seal = (mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    return PublicKeys(
        party,
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw(),
        b"".join(key.public_key().public_bytes_raw() for key in seal),
        self_signed(ec.generate_private_key(ec.SECP256R1()), party).public_bytes(Encoding.DER),
    )
