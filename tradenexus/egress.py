"""Address check for URLs that people give: resolve once, refuse private ranges, connect to what was checked.

The answer of `resolve` is what a client must connect to (with the name kept for TLS and the Host header), so that a
name that changes its address between check and use gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tradenexus.errors import Unprocessable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # how an IPv6-only network reaches an IPv4 address
_GIVEN_OUT = ipaddress.ip_network("2000::/3")  # all that is global unicast today (IANA)
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")


class AddressRefused(Unprocessable):
    """The URL points to an address that the platform may not call (private, loopback, link-local, or not http).

    Use a public address, or let the operator allow private addresses by setting.
    """

    code = "ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Target:
    """A checked destination: connect to `address`:`port`, speak as `host`."""

    scheme: str
    host: str
    port: int
    address: str


def resolve(url: str, *, allow_private: bool = False) -> Target:
    """Return where to connect for this URL; AddressRefused when any of its addresses may not be called."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise AddressRefused("only http and https URLs with a host name can be called", {"url": _shown(url)})
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        infos = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, UnicodeError) as error:
        raise AddressRefused(f"the host {parts.hostname!r} cannot be resolved", {"url": _shown(url)}) from error
    addresses = [str(info[4][0]) for info in infos]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressRefused(f"the host {parts.hostname!r} has a private address", {"url": _shown(url)})
    return Target(parts.scheme, parts.hostname, port, addresses[0])


def is_public(address: str) -> bool:
    """Tell whether an IP address is globally routable unicast.

    IPv4 inside IPv6 (mapped, NAT64, 6to4, Teredo) is unwrapped; other IPv6 must lie where addresses are given out.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GIVEN_OUT or ip in _DOCUMENTATION:
            return False
    return ip.is_global and not ip.is_multicast


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
