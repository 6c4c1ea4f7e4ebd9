"""Secrets at rest: AES-256-GCM, bound to the place where the value lies, under keys that can be replaced.

A sealed value is the number of its key (4 bytes), a nonce (12 bytes), and the ciphertext with its tag. What is
authenticated beside it is that number and the context: tenant, table, column and row, so that a value that was moved
to another place does not open there.
"""

import os
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NUMBER: Final = struct.Struct(">I")
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = _NUMBER.size + _NONCE_BYTES


class CannotSeal(Exception):
    """No key is given."""


class CannotOpen(Exception):
    """Its key is not given, or it is not what was sealed for this place."""


class Seal:
    """All keys open, and the one with the highest number seals. Without a key it can be made, but neither."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self.newest = max(keys, default=0)

    def seal(self, plain: bytes, context: Sequence[str]) -> bytes:
        cipher = self._ciphers.get(self.newest)
        if cipher is None:
            raise CannotSeal("There is no encryption key: CRM_ENCRYPTION_KEYS is not set.")
        nonce = os.urandom(_NONCE_BYTES)
        number = _NUMBER.pack(self.newest)
        return number + nonce + cipher.encrypt(nonce, plain, _bound(number, context))

    def open(self, sealed: bytes, context: Sequence[str]) -> bytes:
        cipher = self._ciphers.get(_number_of(sealed))
        if cipher is None:
            raise CannotOpen("The encryption key under which this was sealed is not among those that are set.")
        number, nonce = sealed[: _NUMBER.size], sealed[_NUMBER.size : _HEAD_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], _bound(number, context))
        except InvalidTag:
            raise CannotOpen("This is not what was sealed for this place.") from None

    def reseal(self, sealed: bytes, context: Sequence[str]) -> bytes | None:
        """The same under the newest key; None where it already is."""
        if _number_of(sealed) == self.newest:
            return None
        return self.seal(self.open(sealed, context), context)


def _number_of(sealed: bytes) -> int:
    if len(sealed) < _HEAD_BYTES:
        raise CannotOpen("This is too short to have been sealed.")
    return int(_NUMBER.unpack_from(sealed)[0])


def _bound(number: bytes, context: Sequence[str]) -> bytes:
    """Each part with its length in front: ("a", "bc") is another place than ("ab", "c")."""
    parts = [part.encode() for part in context]
    return number + b"".join(_NUMBER.pack(len(part)) + part for part in parts)
