"""Create and open a party's home folder: its keys, log, vault, data and state.

Knows where things are. Knows nothing of jobs. Everything else is in the exchange.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import yaml

from counterfoil.address import Address, parse_address
from counterfoil.audit.log import Log
from counterfoil.canonical import MAX_YAML_BYTES, check_id, load_yaml
from counterfoil.confinement import withhold_memory
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, NotFoundError, StoreError
from counterfoil.files import private_folder, read_file, read_named, write_file
from counterfoil.secret import Secret
from counterfoil.storage.exchange import Exchange
from counterfoil.storage.state import State
from counterfoil.storage.vault import Vault
from counterfoil.texts import check_text

HOME, LISTEN = "COUNTERFOIL_HOME", "COUNTERFOIL_LISTEN"
ROLES = ("owner", "node", "coordinator", "reviewer", "recipient", "auditor")

PARTY_FILE = "party.yaml"
"""What describes a home in it, and is written last."""

STATE_FILE = "state.sqlite"
"""What a party remembers, in its home."""

MEMBERSHIP_FILE = "membership.key"
"""The key by which an owner tells its rows apart, of MEMBERSHIP_BYTES."""

MEMBERSHIP_BYTES = 32

FORMAT = 2
"""What `party.yaml` says that a home is written by, since 0.2. One that says nothing is of 0.1."""


class Home(Secret):
    """A party's home folder, whose parts are opened when they are first used."""

    def __init__(
        self,
        path: Path,
        party: str,
        exchange_url: str,
        roles: tuple[str, ...],
        listen: Address | None = None,
        format: int = FORMAT,
        here: Address | None = None,
    ) -> None:
        self.path = path
        self.party = party
        self.exchange_url = exchange_url
        self.roles = roles
        self._listen = listen
        self._here = here
        self.format = format

    @classmethod
    def create(
        cls,
        folder: Path,
        party: str,
        exchange_url: str,
        roles: tuple[str, ...] = (),
        listen: Address | None = None,
    ) -> Home:
        """Create a home for a new party: keys, an empty log, and `party.yaml`, which is written last.

        Raises: StoreError if the folder holds a party or keys already; DocumentError.
        """
        check_id(party, "party")
        withhold_memory()
        if unknown := sorted(set(roles) - set(ROLES)):
            raise DocumentError(f"unknown role {', '.join(unknown)}; the roles are {', '.join(ROLES)}")
        path = private_folder(folder).resolve()
        if (path / PARTY_FILE).exists():
            raise StoreError(f"{path} is a party's folder already")
        exchange = Exchange.open(exchange_url)
        check_text(exchange.url, "the place of the exchange")
        home = cls(path, party, exchange.url, roles, listen)
        PrivateKeys.create(path / "keys", party)
        private_folder(home.data)
        _ = home.log
        home._write(replace=False)
        return home

    @classmethod
    def open(cls, folder: Path | None = None) -> Home:
        """Open the home in the folder, or else in the folder that COUNTERFOIL_HOME names.

        From here on no other process of the same user reads this one's memory, and no core dump is written.
        COUNTERFOIL_LISTEN overrides where `party.yaml` says to listen: a container's address is its own.

        Raises: NotFoundError, DocumentError.
        """
        withhold_memory()
        where = folder or os.environ.get(HOME)
        if not where:
            raise NotFoundError(f"no home folder is given; use --home or set {HOME}; counterfoil party init makes one")
        try:
            path = Path(where).resolve()
            read = load_yaml(read_named(path / PARTY_FILE, MAX_YAML_BYTES), str(path / PARTY_FILE))
        except NotFoundError:
            raise NotFoundError(f"{where} is no party's home folder; make one with counterfoil party init") from None
        except (OSError, RuntimeError, ValueError) as error:  # a link in a circle, a path that is none
            raise StoreError(f"cannot read the home folder {where}: {error}") from None
        match read.value:
            case {"party": str(party), "exchange": str(url), "roles": list(roles), **rest} if rest.keys() <= {
                "listen",
                "format",
            } and all(role in ROLES for role in roles):
                format = _format(rest.get("format", 1), str(path / PARTY_FILE))
                listen = _address(rest.get("listen"), str(path / PARTY_FILE))
                here = _address(os.environ.get(LISTEN), LISTEN)
                return cls(path, check_id(party, "party"), url, tuple(roles), listen, format, here)
        raise DocumentError(
            f"{path / PARTY_FILE} must have the fields party, exchange and roles, may have listen and format, and "
            "nothing else"
        )

    def listen_at(self, address: Address | None) -> None:
        """Take calls at this address from the next attempt on, or again where the roster says. Raises: StoreError."""
        self._listen = address
        self._write(replace=True)

    def mark(self) -> None:
        """State that this home is of the format that this software writes. Raises: StoreError."""
        self.format = FORMAT
        self._write(replace=True)

    def _write(self, *, replace: bool) -> None:
        content: dict[str, object] = {"party": self.party, "exchange": self.exchange_url, "roles": list(self.roles)}
        if self.format > 1:
            content["format"] = self.format
        if self._listen is not None:
            content["listen"] = str(self._listen)
        write_file(self.path / PARTY_FILE, yaml.safe_dump(content, sort_keys=False).encode(), replace=replace)

    @property
    def listen(self) -> Address | None:
        """Where a node takes calls, if not at the address by which the roster has others dial it."""
        return self._here or self._listen

    @property
    def data(self) -> Path:
        """The folder of an owner's tables."""
        return self.path / "data"

    @cached_property
    def membership_key(self) -> bytes:
        """The key under which this owner tags its rows, the same for every agreement. It never leaves the home."""
        path = self.path / MEMBERSHIP_FILE
        with suppress(StoreError):  # another process drew it first, or this one did before
            if not path.exists():
                write_file(path, os.urandom(MEMBERSHIP_BYTES))
        return read_file(path)

    @cached_property
    def keys(self) -> PrivateKeys:
        """This party's keys."""
        return PrivateKeys.load(self.path / "keys", self.party)

    def renew_keys(self) -> None:
        """Generate new sealing and TLS keys, and reseal the vault to them; the earlier ones stay for a while."""
        self.keys = self.keys.renewed()
        self.reseal_vault()

    def reseal_vault(self) -> None:
        """Reseal the vault, if there is one, to the present keys alone, as a crash may have left undone."""
        Vault.reseal(self.path / "vault", self.keys.all()[-1])

    @cached_property
    def log(self) -> Log:
        """This party's audit log. A party that has a home has one: it is never begun anew."""
        return Log.open(self.path / "log", self.keys, existing=(self.path / PARTY_FILE).exists())

    @cached_property
    def exchange(self) -> Exchange:
        """The exchange that this party uses."""
        return Exchange.open(self.exchange_url)

    @cached_property
    def state(self) -> State:
        """This party's durable facts."""
        return State.open(self.path / STATE_FILE)

    @cached_property
    def vault(self) -> Vault:
        """This party's shares at rest."""
        return Vault.open(self.path / "vault", self.keys)


def _format(stated: object, where: str) -> int:
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 1:
        raise DocumentError(f"{where}: format: a number from 1")
    if stated > FORMAT:
        raise DocumentError(
            f"{where}: this home is of format {stated}, which a newer Counterfoil writes; this one knows formats up to "
            f"{FORMAT}. Install the newer one"
        )
    return stated


def _address(text: object, where: str) -> Address | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise DocumentError(f"{where}: listen: a text like 0.0.0.0:7300")
    try:
        return parse_address(text)
    except DocumentError as error:
        raise DocumentError(f"{where}: listen: {error}") from None
