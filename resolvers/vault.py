"""Secrets at rest: encrypted with authenticated encryption (Fernet), keys rotated by adding one."""

from collections.abc import Sequence
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Vault:
    """Encrypts with the first key, decrypts with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """``keys`` are url-safe base64 of 32 bytes each, newest first. Raises ``ValueError``."""
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @staticmethod
    def new_key() -> str:
        return Fernet.generate_key().decode()

    def seal(self, value: Any) -> str:
        return self._fernet.encrypt(orjson.dumps(value)).decode()

    def open(self, sealed: str) -> Any:
        """The value that was sealed. Raises ``ValueError`` for another vault's or broken text."""
        try:
            return orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise ValueError("sealed with a key that is not configured") from error
