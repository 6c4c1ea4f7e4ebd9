"""Whose request it is: the address behind the proxies that the installation trusts, and a name for it that tells nothing."""

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from uuid import UUID

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"


def caller_of(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The last address that no trusted proxy has: whoever is before it may have written what it likes."""
    address = peer
    for one in reversed(forwarded_for.split(",")):
        if not _is_trusted(address, trusted):
            break
        address = one.strip()
    return address


def masked(address: str, day: date, salt: str) -> UUID:
    """The same all day for one address, or one network of IPv6, where each customer has a network of their own."""
    digest = blake2b(f"{day} {_network(address)}".encode(), key=blake2b(salt.encode()).digest(), digest_size=16)
    return UUID(bytes=digest.digest())


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return str(found)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        return any(ip_address(address) in network for network in trusted)
    except ValueError:
        return False
