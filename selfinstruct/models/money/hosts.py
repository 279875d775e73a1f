"""Whose prices hold at an address: nobody's on this machine, a provider's own where he is known."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from selfinstruct.text import redacted

# Addresses of providers that the price list does not know them by.
_ALSO = {"api.together.ai": "together"}
_NEAR = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("169.254.0.0/16", "::1/128", "::/128", "fc00::/7", "fe80::/10"),
    )
)


def is_near(address: str) -> bool:
    """Whether a server stands on this machine or in a private network.

    Names without a dot, as containers have, and names below .local are private as well.
    """
    host = _host(address)
    try:
        place = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host) and ("." not in host or host.endswith((".local", ".localhost")))
    place = getattr(place, "ipv4_mapped", None) or place
    return any(place in network for network in _NEAR)


def provider_at(address: str) -> str | None:
    """The provider of the price list who sells at an address; None: nobody that the list knows."""
    from genai_prices.data_snapshot import get_snapshot

    if (also := _ALSO.get(_host(address))) is not None:
        return also
    try:
        return get_snapshot().find_provider(None, None, redacted(address)).id
    except LookupError:
        return None


def _host(address: str) -> str:
    """In lower case and without a dot at its end; empty if there is none."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
