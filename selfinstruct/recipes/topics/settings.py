"""The settings of topics and personas, and the lists that they name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.recipes.topics.lists import AUTO, FIELDS, lines_of
from selfinstruct.recipes.topics.themes import Themes

LABELS = {"topics": "the topics are others", "personas": "the personas are others"}


@dataclass(frozen=True, slots=True)
class ThemedConfig(Config):
    """The settings of a recipe that draws topics and personas."""

    topics: str = setting(
        "",
        "A file with a topic a line, of which each item draws one; auto: the model writes them.",
        free=True,  # the list is fingerprinted
        under="The method",
    )
    personas: str = setting(
        "",
        "A file with a persona a line, of which each item draws one; auto: the model writes them.",
        free=True,
        under="The method",
    )

    @property
    def lists(self) -> Mapping[str, str]:
        """The file of each list, `auto`, or an empty text."""
        return {"topics": self.topics, "personas": self.personas}

    def rules(self) -> Iterator[Rule]:
        for name in FIELDS:
            is_raw = self.api == "completions"
            unused = "left out with --api completions, whose prompts are raw text"
            yield name, not (getattr(self, name) and is_raw), unused
        yield from Config.rules(self)


def read_themes(config: Config, kept: Path | None, named: Collection[str]) -> Themes:
    """The lists that the settings name, or a run's own copies in the folder `kept`.

    Raises UserError for a file that cannot be read, is empty or names a thing twice.
    """
    if not isinstance(config, ThemedConfig):
        return Themes()
    lists, files, fingerprints = dict[str, tuple[str, ...]](), dict[str, str](), dict[str, str]()
    for name, said in config.lists.items():
        if said == AUTO:
            fingerprints[name] = AUTO
        elif said:
            path = Path(said) if kept is None or name in named else kept / f"{name}.txt"
            lists[name] = tuple(lines_of(path, name))
            files[f"{name}.txt"] = "".join(f"{text}\n" for text in lists[name])
            digest = hashlib.sha256("\n".join(lists[name]).encode()).hexdigest()
            fingerprints[name] = digest[:16]
    to_write = tuple(name for name, said in config.lists.items() if said == AUTO)
    return Themes(config.seed, to_write=to_write, files=files, fingerprints=fingerprints, **lists)
