"""Whatever holds a key, a seed, a salt or a share is not shown, pickled or copied: found among all that lives."""

import base64
import copy
import dataclasses
import gc
import importlib
import inspect
import os
import pickle
import pkgutil
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import counterfoil
from counterfoil.home import Home
from counterfoil.mpc.ring.shares import Share
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.runtime.noise_keys import Keeping, NoiseKeys
from counterfoil.mpc.runtime.prss import KEY_BYTES
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.suites import input as owner_input
from counterfoil.mpc.suites.commitments import commit
from counterfoil.mpc.suites.plain import Plain
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.memory import connect_all
from counterfoil.secret import Secret

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(counterfoil.__path__, "counterfoil.")
    if not found.name.endswith("__main__")
]
CLASSES = [
    each for module in MODULES for _, each in inspect.getmembers(module, inspect.isclass)
    if each.__module__ == module.__name__
]  # fmt: skip

HOLDS = re.compile(r"key|seed|salt|secret|nonce|password|passphrase|share|envelope|mask|private", re.IGNORECASE)
RAW = re.compile(r"\bbytes|bytearray|Words|NDArray|memoryview")
#: what is called so and is public: fields of signed documents, which are there to be read
PUBLIC = {
    "counterfoil.audit.checkpoint._Signature.key_id",
    "counterfoil.governance.cumulative.budget_ledger._Signed.envelope",
    "counterfoil.governance.jobs.correction.HandedIn.envelope",
}


def fields_of(cls):
    """Name, type, and whether it is shown, of what a dataclass or a named tuple holds."""
    if dataclasses.is_dataclass(cls):
        shown = "__repr__" in vars(cls) and cls.__repr__ is not Secret.__repr__
        return [(field.name, str(field.type), field.repr and shown) for field in dataclasses.fields(cls)]
    names = cls._fields if isinstance(getattr(cls, "_fields", None), tuple) else ()
    return [(name, str(inspect.get_annotations(cls).get(name, "")), True) for name in names]


def test_no_record_shows_what_is_named_like_a_secret():
    shown = {
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls in CLASSES
        for name, kind, is_shown in fields_of(cls)
        if is_shown and HOLDS.search(name) and RAW.search(kind) and "Callable" not in kind
    }
    assert shown == PUBLIC


def test_what_is_secret_is_shown_by_its_type_alone():
    kept = [cls for cls in CLASSES if issubclass(cls, Secret) and not issubclass(cls, Share)]
    assert len(kept) > 15
    assert [cls for cls in kept if cls.__repr__ is not Secret.__repr__] == []


def hidden_forms(secret):
    """How text could hold these bytes."""
    words = str(np.frombuffer(secret[:16], np.uint64)[0])
    return (repr(secret)[2:-1], secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode()[:40], words)


@pytest.fixture
def drawn(monkeypatch):
    """All that the operating system draws and all keys that are derived, from here on."""
    found = []
    urandom = os.urandom

    def recorded(size):
        found.append(urandom(size))
        return found[-1]

    monkeypatch.setattr(os, "urandom", recorded)

    def recording(derivation):
        def made(*args, **options):
            class Recorded:
                def derive(self, material):
                    found.append(derivation(*args, **options).derive(material))
                    return found[-1]

            return Recorded()

        return made

    for module in MODULES:
        for name in ("HKDF", "HKDFExpand"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, recording(getattr(module, name)))
    return found


def sessions(suite):
    """The sessions of all parties, and the noise keys that each of them keeps."""
    n = SUITES[suite].parties
    roster, program, contracts, inputs = (letter * 64 for letter in "rpci")
    hello = Hello(suite, "ab" * 16, 1, roster, program, contracts, inputs, "", "s" * 64)
    links = connect_all(n, hello.name, timeout_s=5)

    def one(index):
        kept = []
        session = open_session(
            links[index], hello, index, claim=lambda *_: None, declared=[Declared("x", 9, "")],
            keeping=Keeping(lambda: None, kept.append),
        )  # fmt: skip
        return session, NoiseKeys.unpack(kept[-1], components(n, index))

    with ThreadPoolExecutor(n) as pool:
        return zip(*pool.map(one, range(n)), strict=True)


def worked(session, x):
    """A little of everything, and what came of it."""
    p = session.protocol
    shuffled, permutation = p.shuffle([p.multiply(x, x)])
    p.noise_bits("noise", 3, 9)
    mine = {"x": {j: part.tobytes() for j, part in zip(p.components, x.parts, strict=True)}}
    return [shuffled, permutation, p.random_words(4), commit(p.party, mine), p.unshuffle(shuffled, permutation)]


def living():
    """Every object of ours that there is, once."""
    gc.collect()
    return [each for each in gc.get_objects() if str(type(each).__module__).partition(".")[0] == "counterfoil"]


@pytest.mark.parametrize("suite", SUITES)
def test_no_living_object_shows_or_gives_away_a_key(suite, drawn, tmp_path):
    home = Home.create(tmp_path / "home", "node-1", f"file://{tmp_path}/exchange")
    home.vault.keep("job-1", "x", {"x": np.arange(9, dtype=np.uint64)})
    opened, noise_keys = sessions(suite)
    n = len(opened)
    x = deal(np.arange(70), n)
    submission = owner_input.split(np.arange(9, dtype=np.uint64), n, "one")
    with ThreadPoolExecutor(n) as pool:
        results = list(pool.map(worked, opened, x))
    secrets = {each for each in drawn if len(each) >= KEY_BYTES} | {home.membership_key}
    assert len(secrets) > 50
    forms = re.compile("|".join(re.escape(form) for secret in secrets for form in hidden_forms(secret)))
    found = living()
    kinds = {type(each).__name__ for each in found}
    assert {"GroupKeys", "NoiseKeys", "Party", "Keystream", "Arith", "PrivateKeys", "Vault", "Committed"} <= kinds
    for each in found:
        text = f"{each!r} {each!s}"
        assert not forms.search(text), type(each)
        for protocol in (2, pickle.HIGHEST_PROTOCOL):
            try:
                raw = pickle.dumps(each, protocol)
            except Exception as refused:
                assert not forms.search(str(refused)), type(each)
            else:
                assert not [secret for secret in secrets if secret in raw], type(each)
                assert not forms.search(raw.decode("latin-1")), type(each)
    del results, submission, noise_keys
    for session in opened:
        session.close()


def test_a_key_that_is_shown_would_be_found():
    """The tests above can fail."""

    @dataclasses.dataclass(frozen=True)
    class Careless:
        key: bytes

    secret = bytes(range(100, 132))
    assert any(form in repr(Careless(secret)) for form in hidden_forms(secret))
    assert secret in pickle.dumps(secret)
    assert fields_of(Careless) == [("key", "<class 'bytes'>", True)]


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_secrets_are_neither_pickled_nor_copied(way):
    p = Plain()
    for each in (p.constant([1, 2]), p.constant_bits(np.array([True])), p):
        with pytest.raises(TypeError, match="holds secrets, which are never pickled or copied; pass it by reference"):
            way(each)


def test_the_pickle_module_of_task_runners_is_no_way_around():
    cloudpickle = pytest.importorskip("cloudpickle")
    held = Plain().constant([1])
    with pytest.raises(TypeError, match="Arith holds secrets"):
        cloudpickle.dumps(lambda: held)
