"""Passwords: which are taken, and how they are kept (argon2id)."""

import asyncio
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from resolvers.rules import Rule

if TYPE_CHECKING:
    from pwdlib import PasswordHash

SHORTEST, LONGEST = 10, 256
FEWEST_CHARACTERS = 5
AT_ONCE = 2
"""How many are hashed at the same time: each takes 64 MiB, and a core for a while."""
# The commonest of those that are long enough, in lower case.
COMMON = frozenset(
    {
        "1234567890", "0123456789", "9876543210", "0987654321", "12345678910", "123456789a",
        "1q2w3e4r5t", "1qaz2wsx3edc", "q1w2e3r4t5", "qwertyuiop", "qwerty12345", "qwerty123456",
        "asdfghjkl1", "asdfghjkl;", "zxcvbnm123", "abcdefghij", "abc1234567", "password12",
        "password123", "password1234", "password12345", "passwordpassword", "mypassword1",
        "passw0rd123", "p@ssw0rd123", "p@ssword123", "iloveyou123", "iloveyou12", "sunshine123",
        "football123", "baseball123", "basketball", "princess123", "dragon1234", "superman123",
        "welcome123", "welcome1234", "letmein123", "letmein1234", "changeme123", "administrator",
        "admin12345", "trustno1234", "correcthorsebatterystaple", "qazwsxedcrfv", "1234qwerasdf",
    }
)  # fmt: skip


def normal(password: str) -> str:
    """The password as it is hashed: the same, whichever keyboard has made it (NFKC)."""
    return unicodedata.normalize("NFKC", password)


class Password(Rule):
    """A password that is not guessed at once. What it is made of is nobody's business."""

    kind: ClassVar[str] = "password"

    def check(self, value: str) -> str:
        value = normal(value)
        if not SHORTEST <= len(value) <= LONGEST:
            raise ValueError(f"must have {SHORTEST} to {LONGEST} characters")
        if not is_storable(value):
            raise ValueError("must not hold a character that no text has")
        if value.casefold() in COMMON:
            raise ValueError("is one of the first that anybody would try")
        if len(set(value.casefold())) < FEWEST_CHARACTERS:
            raise ValueError(f"must have at least {FEWEST_CHARACTERS} different characters")
        return value


def is_storable(password: str) -> bool:
    """Whether it is text: no NUL, no half of a surrogate pair."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in password


def tells_of(password: str, email: str) -> bool:
    """Whether a password is the address that it protects, or the part before the @."""
    said = password.casefold()
    return said in (email, email.partition("@")[0])


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a password was right; ``renewed`` is a hash to keep instead of an outdated one."""

    right: bool
    renewed: str | None = None


class Passwords:
    """Hashes and compares, in threads, a few at a time."""

    def __init__(self, hasher: "PasswordHash | None" = None, *, at_once: int = AT_ONCE) -> None:
        """``hasher``: another than what is recommended, for tests."""
        self._given = hasher
        self._turns = asyncio.Semaphore(at_once)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def judge(self, password: str, kept: str | None) -> Judged:
        """Whether it is the password of a hash. Without one it is wrong, after the same work."""
        if self._nobodys is None:  # before anybody's, so that nobody's costs what anybody's does
            self._nobodys = await self.hash("of nobody")
        async with self._turns:
            right, renewed = await asyncio.to_thread(
                self._hasher.verify_and_update,
                # Nobody's password is as long.
                normal(password[: 4 * LONGEST]).encode(errors="replace"),
                self._nobodys if kept is None else kept,
            )
        return Judged(right and kept is not None, renewed if kept is not None else None)

    @property
    def _hasher(self) -> "PasswordHash":
        if self._given is None:
            from pwdlib import PasswordHash  # noqa: PLC0415 - costs time, and few need it

            self._given = PasswordHash.recommended()
        return self._given
