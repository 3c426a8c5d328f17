"""Secrets at rest: encrypted with authenticated encryption (Fernet), keys rotated by adding one."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_SIZE = 32
SHORTEST_MARK = 16


class Vault:
    """Encrypts with the first key, decrypts with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """``keys`` are url-safe base64 of 32 bytes each, newest first. Raises ``ValueError``."""
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._keys = [_key(text) for text in keys]

    @staticmethod
    def new_key() -> str:
        return urlsafe_b64encode(secrets.token_bytes(KEY_SIZE)).decode()

    @cached_property
    def _fernet(self) -> "MultiFernet":
        # 7 MB of a process, most of which never open a secret.
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in self._keys])

    def seal(self, value: Any) -> str:
        return self._fernet.encrypt(orjson.dumps(value)).decode()

    def open(self, sealed: str) -> Any:
        """The value that was sealed. Raises ``ValueError`` for another vault's or broken text."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise ValueError("sealed with a key that is not configured") from error

    def mark(self, purpose: str, text: str) -> bytes:
        """What only a holder of the newest key can say of a text: 32 bytes (HMAC-SHA-256).

        Marks of different purposes have keys of their own.
        """
        return _mark(self._keys[0], purpose, text)

    def is_marked(self, purpose: str, text: str, mark: bytes) -> bool:
        """Whether a mark, of which at least 16 bytes are left, is of this text, by any key."""
        kept = len(mark)
        return kept >= SHORTEST_MARK and any(
            hmac.compare_digest(_mark(key, purpose, text)[:kept], mark) for key in self._keys
        )


def _key(text: str) -> bytes:
    key = urlsafe_b64decode(text)
    if len(key) != KEY_SIZE:
        raise ValueError(f"a key is {KEY_SIZE} bytes in url-safe base64")
    return key


def _mark(key: bytes, purpose: str, text: str) -> bytes:
    derived = hmac.digest(key, f"storegraph {purpose}".encode(), "sha256")
    return hmac.digest(derived, text.encode(), "sha256")
