"""Outgoing HTTP to addresses that callers gave us: never into our own network, never for long."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from resolvers.services import Answer, NoAnswer

T = TypeVar("T")
TIMEOUT = 10.0
READ_AT_MOST = 64 * 1024
_OK, _SERVERS, _PASSING = 200, 500, frozenset({408, 425, 429})
_REDIRECTS = 3
_PICTURES = "storegraph-pictures/1"
_KEPT = 1024
_PRIVATE = "leads to an address that is not public"
# Beyond what ``ipaddress`` knows: relays that would carry a packet on to an address inside it.
_RELAYS = [ip_network(network) for network in ("192.88.99.0/24", "2001::/32", "2002::/16")]
_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large, to one receiver, by itself.

    An IPv4 address inside an IPv6 one (mapped, or behind NAT64) is judged as what it is.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is None and ip not in _UNICAST:
            return False
        ip = inner or ip
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback
    return ip.is_global and not special and not any(ip in relay for relay in _RELAYS)


def _public_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """The socket of one attempt to connect, made when its address is settled.

    This is the last moment before the connection, behind every name, spelling and DNS answer.
    """
    family, kind, protocol, _, address = addr_info
    if not is_public(str(address[0])):
        raise PermissionError(errno.EACCES, _PRIVATE)
    return socket.socket(family, kind, protocol)


class OutboundHttp:
    """Implements ``resolvers.services.Sender`` and ``Fetcher``.

    No cookies, proxies or connections kept for later; any port. No redirects of what is sent, a few
    of what is got, each under the same rules. Public addresses only, unless ``private_addresses``
    are allowed. ``timeout``: seconds from the name's look-up to the end of the answer.
    """

    def __init__(self, *, private_addresses: bool = False, timeout: float = TIMEOUT) -> None:
        self._private_addresses = private_addresses
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, *, body: str, headers: Mapping[str, str]) -> Answer | NoAnswer:
        async def work(target: URL) -> Answer:
            return await self._post(target, body, headers)

        return await self._reaching(url, work)

    async def get(self, url: str, *, most: int) -> bytes | NoAnswer:
        async def work(target: URL) -> bytes | NoAnswer:
            return await self._get(target, most)

        return await self._reaching(url, work)

    async def _reaching(self, url: str, work: Callable[[URL], Awaitable[T]]) -> T | NoAnswer:
        try:
            target = URL(url)
            if target.scheme not in ("http", "https") or not target.host or target.user is not None:
                return NoAnswer("is no plain http or https URL", final=True)
            return await work(target)
        except TimeoutError:
            return NoAnswer(f"no answer within {self._timeout:g} seconds")
        except ValueError:  # of the URL's parts, or of a header
            return NoAnswer("is no plain http or https URL", final=True)
        except (aiohttp.ClientError, OSError) as error:
            return _why(error)

    async def _get(self, target: URL, most: int) -> bytes | NoAnswer:
        """Only bytes as they are: what is packed could be of any size unpacked."""
        sent = {"Accept-Encoding": "identity", "Accept": "image/*", "User-Agent": _PICTURES}
        async with asyncio.timeout(self._timeout):
            response = await self._opened().get(
                target, headers=sent, allow_redirects=True, max_redirects=_REDIRECTS
            )
            try:
                if response.status != _OK:
                    passing = response.status in _PASSING or response.status >= _SERVERS
                    return NoAnswer(f"is answered with {response.status}", final=not passing)
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > most:
                        return NoAnswer(f"is larger than {most} bytes", final=True)
                return bytes(content)
            finally:
                response.close()

    async def _post(self, target: URL, body: str, headers: Mapping[str, str]) -> Answer:
        until = asyncio.get_running_loop().time() + self._timeout
        sent = {"Content-Type": "application/json", **headers}
        async with asyncio.timeout_at(until):
            response = await self._opened().post(
                target, data=body.encode(), headers=sent, allow_redirects=False
            )
        text = ""
        try:
            # The status is the answer. A body that is broken, or never ends, changes nothing.
            with suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout_at(until):
                    text = await _beginning(response)
        finally:
            response.close()
        return Answer(response.status, text)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                force_close=True,  # a kept connection may be dead, and a POST is not repeated
                limit=0,
                socket_factory=None if self._private_addresses else _public_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "storegraph-webhooks/1"},
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _why(error: Exception) -> NoAnswer:
    if _PRIVATE in str(error):
        return NoAnswer(_PRIVATE, final=True)
    if isinstance(error, aiohttp.TooManyRedirects):
        return NoAnswer("is redirected too often", final=True)
    return NoAnswer((str(error) or type(error).__name__)[:_KEPT])


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first KiB of the body, having read no more than its first 64."""
    read = 0
    kept = bytearray()
    while read < READ_AT_MOST and (chunk := await response.content.read(READ_AT_MOST - read)):
        read += len(chunk)
        kept += chunk[: _KEPT - len(kept)]
    return kept.decode("utf-8", "ignore")
