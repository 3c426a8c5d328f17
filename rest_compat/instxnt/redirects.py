"""Where the browser goes next."""

from aiohttp import hdrs, web


def to(address: str) -> web.Response:
    """A redirect (302) with the empty text that the contract documents."""
    headers = {hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=302, text="", headers=headers)
