"""Shards: a run's part of a larger job, with its share of the items and of every cap."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.errors import UserError

E = TypeVar("E", bound=Endpoint)
Item = TypeVar("Item")
_SHARED = ("n", "max_tokens_total", "max_requests")  # whole numbers that the shards divide


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard number `rank` of `count`, from 0."""

    rank: int = 0
    count: int = 1

    @classmethod
    def of(cls, text: str) -> Shard:
        """The shard of a setting such as "3/64"; the empty text is the whole job.

        Raises UserError.
        """
        if not text:
            return cls()
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if found is None or not int(found[1]) < int(found[2]):
            raise UserError(
                f"--shard {text}: must be K/N with K from 0 to N - 1, such as 0/64 and 63/64"
            )
        return cls(int(found[1]), int(found[2]))

    def share(self, amount: int) -> int:
        """This shard's share of an amount: the shares of all shards make the whole."""
        return amount // self.count + (self.rank < amount % self.count)

    def items(self, items: Iterable[Item]) -> Iterator[Item]:
        """Every item whose number modulo `count` is `rank`."""
        return islice(items, self.rank, None, self.count)

    def check(self, items: int, named: str) -> None:
        """Raises UserError if there are too few items, `named` so, for this shard to have any."""
        if self.count > 1 and items <= self.rank:
            raise UserError(
                f"--shard {self.rank}/{self.count}: there are {items:,} {named} in all, so that "
                f"this shard has none; split into {items:,} at most"
            )

    def dealt(self, items: Sequence[Item], named: str) -> list[Item]:
        """Its items. Raises UserError if there are too few, `named` so, for this shard to have any."""
        self.check(len(items), named)
        return list(self.items(items))

    def number(self, at: int) -> int:
        """The number in the whole job of this shard's item number `at`."""
        return self.rank + at * self.count

    def seed(self, seed: int) -> int:
        """A seed of the shard's own."""
        digest = hashlib.sha256(f"{seed}/{self.rank}/{self.count}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 2**31


def sharded(config: E) -> E:
    """The settings of a new run with its share of n and of every cap, and its seed.

    Raises UserError for a recipe that cannot be split, or a share that is nothing.
    """
    if not isinstance(config, Config) or not config.shard:
        return config
    if not config.IS_SPLIT:
        raise UserError(
            f"--shard: {config.command} cannot be split, since its rows depend on each other or "
            "are cheap; leave --shard out"
        )
    shard = Shard.of(config.shard)
    values = {name: getattr(config, name) for name in (*_SHARED, "max_cost", "seed")}
    return replace(config, **_shares_of(values, shard, config))


def shared(recorded: Endpoint, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of the whole job as those of the run `recorded`, which may be a shard.

    Raises UserError for a share that is nothing.
    """
    if not isinstance(recorded, Config) or not recorded.shard:
        return said
    return _shares_of(said, Shard.of(recorded.shard), recorded)


def _shares_of(said: Mapping[str, Any], shard: Shard, config: Config) -> dict[str, Any]:
    found = dict(said)
    for name in _SHARED:
        if said.get(name, 0) > 0:
            found[name] = shard.share(said[name])
            if not found[name]:
                option = f"--{name.replace('_', '-')} {said[name]}"
                raise UserError(
                    f"{option}: leaves nothing for shard {shard.rank} of {shard.count}; "
                    f"name {shard.count} at least"
                )
    if said.get("max_cost", -1) > 0:
        found["max_cost"] = said["max_cost"] / shard.count
    if "seed" in said and not config.KEEPS_SEED:
        found["seed"] = shard.seed(said["seed"])
    return found
