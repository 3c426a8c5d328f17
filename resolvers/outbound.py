"""Addresses that callers give us to call. Where they lead is checked again when connecting."""

from urllib.parse import urlsplit

from resolvers.errors import Invalid

MAX_URL = 2048


def checked_url(url: str | None, path: tuple[str, ...]) -> str | None:
    """An absolute http(s) URL without credentials, or None. Raises ``Invalid`` for another."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Invalid("this is no URL", field=path) from error
    plain = url.isprintable() and " " not in url and len(url) <= MAX_URL
    if not plain or parts.scheme not in ("http", "https") or not host:
        raise Invalid("an absolute http or https URL is needed", field=path)
    if parts.username is not None or parts.password is not None:
        raise Invalid("a URL must not hold a password", field=path)
    return url
