"""Read text of another encoding as UTF-8, and guess which one a text is in. Nothing of a text is in a message."""

from __future__ import annotations

import codecs
import io
import unicodedata
from typing import BinaryIO, Final, cast

from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.governance.contracts.forms.written import ENCODINGS

_PIECE: Final = 1 << 18
_GUESSED: Final = ("windows-1252", "cp850", "mac-roman")
"""Encodings of western European text, the likeliest first. Others cannot be told from them without its language."""


def load_codecs() -> None:
    """Load what decodes every encoding, before this process gives up opening files."""
    for name in ENCODINGS:
        codecs.lookup(name)


class Recoded(io.RawIOBase):
    """A file of text in some encoding, as the same text in UTF-8; it seeks by reading on, or from the beginning."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._source, self._encoding = source, encoding
        self._held, self._at, self._ended = bytearray(), 0, False
        self._restart()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place from the beginning. Raises: UnreadableError."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("the end is not known before it is read")
        if offset < self._at:
            self._restart()
        while self._at < offset and self.read(min(offset - self._at, _PIECE)):
            pass
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes of UTF-8, fewer at the end alone. Raises: UnreadableError."""
        while not self._ended and (size < 0 or len(self._held) < size):
            piece = self._source.read(_PIECE)
            self._ended = not piece
            try:
                self._held += self._decoder.decode(piece, self._ended).encode()
            except UnicodeError:
                raise UnreadableError(
                    f"it is not text in {self._encoding}, as the contract says it is; correct 'encoding' in its servers"
                ) from None
        part = bytes(self._held[:size] if size >= 0 else self._held)
        del self._held[: len(part)]
        self._at += len(part)
        return part

    def _restart(self) -> None:
        self._source.seek(0)
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._held, self._at, self._ended = bytearray(), 0, False


def recoded(source: BinaryIO, encoding: str) -> BinaryIO:
    """Return the file as UTF-8 text."""
    return source if encoding in ("", "utf-8") else cast(BinaryIO, Recoded(source, encoding))


def guess_encoding(source: BinaryIO) -> str:
    """Guess the encoding of a text: "" if it is UTF-8, else the likeliest in which its odd bytes are letters."""
    source.seek(0)
    begin = source.read(2)
    if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    source.seek(0)
    decoder, odd = codecs.getincrementaldecoder("utf-8")(), bytearray()
    good = True
    while True:
        piece = source.read(_PIECE)
        try:
            if good:
                decoder.decode(piece, not piece)
        except UnicodeDecodeError:
            good = False
        odd += bytes(byte for byte in piece if byte >= 0x80)[: _PIECE - len(odd)]
        if not piece:
            break
    source.seek(0)
    return "" if good else max(_GUESSED, key=lambda each: _letters(bytes(odd), each))


def _letters(odd: bytes, encoding: str) -> int:
    text = odd.decode(encoding, "replace")
    return sum(unicodedata.category(each)[0] == "L" for each in text)
