"""The port to serve on."""

import socket


def bound(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that has the port, but does not listen yet; 0 picks a free one.

    ``shared`` with the other workers, though not with a stranger. Raises ``OSError``.
    """
    if shared and port:
        # Who listens there already would be shared with, if it allowed that. So ask alone first.
        _socket(host, port, shared=False).close()
    return _socket(host, port, shared=shared)


def joined(host: str, port: int) -> socket.socket:
    """One more socket on the port that a supervisor holds for its workers."""
    return _socket(host, port, shared=True)


def local_address(host: str, port: int) -> str:
    """Where clients on this machine find what listens there."""
    known = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - not bound here
    named = f"[{host}]" if ":" in host and host not in known else known.get(host, host)
    return f"http://{named}:{port}"


def _socket(host: str, port: int, *, shared: bool) -> socket.socket:
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"{error.strerror}: {host}:{port}") from error
    return made
