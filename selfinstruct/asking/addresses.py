"""Addresses of endpoints, as --base-url names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from selfinstruct.errors import UserError
from selfinstruct.text import redacted


def addresses_of(address: str) -> tuple[str, ...]:
    """A single address as a tuple; no address for the empty text."""
    return (address,) if address else ()


def check_addresses(addresses: Sequence[str], *, in_batches: bool) -> None:
    """Raises UserError. in_batches: the endpoint keeps batches, so only one can be named."""
    for address in addresses:
        if not _is_address(address):
            raise UserError(
                f"--base-url {redacted(address)}: must be an address such as "
                "http://localhost:8000/v1"
            )
        if urlsplit(address).query:
            raise UserError(
                f"--base-url {redacted(address)}: has a query, which belongs to every path below; "
                "give its parts as --query NAME=VALUE"
            )
    if len(set(addresses)) < len(addresses):
        raise UserError("--base-url: names the same address twice; give each once")
    if in_batches and len(addresses) > 1:
        raise UserError(
            "--batch: needs one --base-url, that of the endpoint which keeps the batches; "
            "leave the others out"
        )


def _is_address(text: str) -> bool:
    try:
        port = urlsplit(text).port
        return port != 0 and re.fullmatch(r"https?://[^/\s]\S*", redacted(text)) is not None
    except ValueError:  # a port that is no number, or none that there is
        return False
