"""Where a call may go: the form of a URL, and the ranges of addresses in which no receiver on the internet lives.

`ipaddress.is_global` is not asked: what it knows changes with the release of Python, and 3.11 is wrong for some ranges.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

PORTS: Final = frozenset((443, 8443))
LONGEST_URL: Final = 2000

_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        # IANA IPv4 Special-Purpose Address Registry, all of it: also the few anycast services that can be reached.
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "240.0.0.0/4",  # reserved, with the limited broadcast
        # Not in that registry.
        "224.0.0.0/4",  # multicast
        "168.63.129.16/32",  # the metadata and DNS service of every Azure network, on a public address
        # IPv6: all but 2000::/3 is either special or not assigned. Among it are ::/128, ::1/128, ::/96 and
        # ::ffff:0:0/96 with IPv4 addresses inside, 64:ff9b:1::/48, 100::/64, fc00::/7, fe80::/10, fec0::/10, ff00::/8.
        "::/3",
        "4000::/2",
        "8000::/1",
        # IANA IPv6 Special-Purpose Address Registry within 2000::/3.
        "2001::/23",  # protocol assignments, with Teredo, ORCHID and benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, with an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_TRANSLATED: Final = ip_network("64:ff9b::/96")
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

_PRINTABLE: Final = re.compile(r"[!-\[\]-~]+")  # and no backslash, which some read as a slash
_URL: Final = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE | re.ASCII
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LOCAL_SUFFIXES: Final = frozenset(("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa"))


class RefusedUrl(ValueError):
    """The text says what to do and may be shown to who gave the URL."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says: connect to `host` and `port`, and ask there for `target` as `authority`."""

    scheme: str
    host: str
    port: int
    authority: str
    target: str


def refuse_url(url: str, *, allow_loopback: bool) -> None:
    """Asks nobody: whether a name leads to an address that may be called is found out with every connection."""
    place_of(url, allow_loopback=allow_loopback)


@lru_cache(maxsize=1024)
def place_of(url: str, *, allow_loopback: bool) -> Place:
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise RefusedUrl(
            f"A URL has at most {LONGEST_URL} printable ASCII characters: "
            "write other letters of a host as xn--..., and of a path as %..."
        )
    found = _URL.fullmatch(url)
    if not found:
        raise RefusedUrl("A URL is https://, a host, perhaps a port, and a path: no user, password or part behind #.")
    scheme, host = found[1].lower(), found[2].lower()
    default = 443 if scheme == "https" else 80
    port = int(found[3] or default)
    if not 0 < port <= 65535:
        raise RefusedUrl("There is no such port.")
    if not (allow_loopback and _is_loopback_host(host)):
        _refuse_host(host)
        _refuse_way(scheme, port)
    authority = host if port == default else f"{host}:{port}"
    return Place(scheme, host.strip("[]"), port, authority, (found[4] or "/") + (found[5] or ""))


def may_be_called(address: str, port: int, *, allow_loopback: bool) -> bool:
    """Whether a connection to this address, as a name was resolved to it, is allowed."""
    found = ip_address(address)
    if allow_loopback and _is_loopback(found):
        return True
    return port in PORTS and not _is_refused(found)


def _refuse_way(scheme: str, port: int) -> None:
    if scheme != "https":
        raise RefusedUrl("Only https is spoken to other hosts.")
    if port not in PORTS:
        raise RefusedUrl(f"The port must be {' or '.join(map(str, sorted(PORTS)))}.")


def _refuse_host(host: str) -> None:
    if host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]):
        literal = _literal(host)
        if literal is None or _is_refused(literal):
            raise RefusedUrl("This address is not one of the public internet, or not written in its usual form.")
        return
    labels = host.split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise RefusedUrl("The host is not a name of the public internet, in ASCII and without a full stop at its end.")
    if len(labels) == 1 or labels[-1] in _LOCAL_SUFFIXES:
        raise RefusedUrl("The host is a name of a local network.")


def _is_loopback_host(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" or (literal is not None and _is_loopback(literal))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address in four decimal numbers, or an IPv6 address in brackets; no other way of writing is read."""
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        return None


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _LOOPBACK)


def _is_refused(address: IPv4Address | IPv6Address) -> bool:
    """A network without IPv4 reaches it through translated addresses: then the address inside decides."""
    if address in _TRANSLATED:
        return _is_refused(IPv4Address(int(address) & 0xFFFFFFFF))
    return any(address in network for network in _REFUSED)
