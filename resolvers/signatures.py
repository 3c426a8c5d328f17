"""Signatures by a shared secret: a request comes from whoever holds it, unchanged, and once."""

import hashlib
import hmac
import re

from resolvers.errors import Unauthenticated
from resolvers.services import Services

MAX_DRIFT = 300
# A request stays acceptable from MAX_DRIFT seconds before its timestamp until as many after it.
_REMEMBERED = 2 * MAX_DRIFT + 1
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def of_request(secret: str, timestamp: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of the timestamp as it was sent, a line feed, and the raw body."""
    message = timestamp.encode() + b"\n" + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


async def check(
    services: Services,
    *,
    secret: str,
    scope: str,
    timestamp: str | None,
    signature: str | None,
    body: bytes,
) -> None:
    """Raise ``Unauthenticated`` unless the signature is right, fresh, and new within ``scope``.

    ``timestamp`` is Unix seconds, at most ``MAX_DRIFT`` off our clock. Only right signatures are
    remembered, so nobody fills that memory without the secret.
    """
    if timestamp is None or signature is None:
        raise Unauthenticated("This key must sign: X-Timestamp and X-Signature are required")
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise Unauthenticated("X-Timestamp must be Unix seconds")
    if abs(services.clock().timestamp() - int(timestamp)) > MAX_DRIFT:
        raise Unauthenticated(f"X-Timestamp is more than {MAX_DRIFT} seconds off")
    expected = of_request(secret, timestamp, body)
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="surrogateescape")):
        raise Unauthenticated("X-Signature does not match")
    token = f"signature:{scope}:{timestamp}:{expected}"
    if not await services.limiter.first_time(token, seconds=_REMEMBERED):
        raise Unauthenticated("This signed request was received before")
