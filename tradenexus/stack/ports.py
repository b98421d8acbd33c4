"""Listening sockets: the wanted port, or the next free one."""

import socket

TRIES = 64


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket on `port`, on the next free port when it is taken, or on any when it is 0."""
    wanted = [port] if port == 0 else range(port, min(port + TRIES, 65536))
    for candidate in wanted:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(2048)
        except OSError:
            sock.close()
            continue
        return sock
    raise OSError(f"no free port between {port} and {port + TRIES - 1} on {host}")


def free(host: str = "127.0.0.1") -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


def get(port: int, path: str, host: str = "127.0.0.1", timeout_s: float = 2.0) -> int:
    """Return the HTTP status of a plain GET, 0 when there is no answer in time."""
    try:
        with socket.create_connection((host, port), timeout_s) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            return int(sock.recv(64).split(None, 2)[1])
    except (OSError, IndexError, ValueError):
        return 0
