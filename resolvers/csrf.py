"""Proofs that a request comes from where its cookie does (double submit, signed).

A proof is keyed from the cookie's own value, which nobody but its browser and this request knows:
the server keeps neither a key nor a row for it, and nothing that it does keep makes one.
"""

import hmac
from datetime import datetime, timedelta

MARK = "csrf_"
LIFETIME = timedelta(hours=1)
SKEW = timedelta(minutes=1)
"""By how much the clocks of two processes may differ."""
_DIGITS = 12


def new_proof(cookie: str, at: datetime) -> str:
    """A proof for the holder of a cookie, good for an hour, as often as they like."""
    issued = str(int(at.timestamp()))
    return f"{MARK}{issued}_{_mac(cookie, issued)}"


def is_proof(cookie: str, given: str, at: datetime) -> bool:
    """Whether it was made for this cookie, within the last hour."""
    issued, _, mac = given.removeprefix(MARK).partition("_")
    right = hmac.compare_digest(
        f"{MARK}{issued}_{_mac(cookie, issued)}".encode(errors="replace"),
        given.encode(errors="replace"),
    )
    if not right or not issued.isascii() or not issued.isdigit() or len(issued) > _DIGITS:
        return False
    age = at.timestamp() - int(issued)
    return -SKEW.total_seconds() <= age < LIFETIME.total_seconds() and bool(mac)


def _mac(cookie: str, issued: str) -> str:
    told = f"storegraph csrf {issued}".encode(errors="replace")
    return hmac.new(cookie.encode(errors="surrogateescape"), told, "sha256").hexdigest()
