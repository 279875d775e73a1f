"""The manifest beside mixed data: components, counts, shares, fingerprints, licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from selfinstruct import __version__
from selfinstruct.choose.shares import effective
from selfinstruct.mixing.mixture import Mixture, described
from selfinstruct.mixing.writing import File
from selfinstruct.records.tokens import sha256

MANIFEST = "mixture.json"


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a stage that come from a component, or from an earlier stage."""

    name: str
    size: int  # rows that there are to draw from
    rows: int  # rows in the stage
    tokens: int = 0  # 0: not counted
    source: str = ""
    share: Fraction | None = None  # wanted, of the conversations; None for text and replay
    is_text: bool = False
    stage: str = ""  # of replayed rows
    fingerprint: str = ""
    license: str = ""
    read: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def passes(self) -> float:
        """How often each of its rows is there, on average."""
        return self.rows / self.size if self.size else 0.0

    def to_record(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self.name, "rows": self.rows, "of": self.size}
        if self.tokens:
            record["tokens"] = self.tokens
        if self.stage:
            return {**record, "stage": self.stage}
        share = {} if self.share is None else {"share": round(float(self.share), 12)}
        return {
            **record,
            **share,
            "passes": round(self.passes, 6),
            **({"text": True} if self.is_text else {}),
            "source": self.source,
            "sha256": self.fingerprint,
            "license": self.license or None,
            "read": self.read,
            "dropped": dict(sorted(self.dropped.items())),
        }


def record(mixture: Mixture, parts: Sequence[Part], files: Mapping[str, File]) -> dict[str, Any]:
    """A stage in the manifest."""
    tokenizer = {"tokenizer_sha256": sha256(mixture.tokenizer)} if mixture.counts_tokens else {}
    return {
        "name": mixture.name,
        "mixture": described(mixture),
        **tokenizer,
        "rows": sum(part.rows for part in parts if not part.is_text),
        "documents": sum(part.rows for part in parts if part.is_text),
        "tokens": sum(part.tokens for part in parts),
        "effective_components": round(effective_number(parts), 4),
        "components": [part.to_record() for part in parts],
        "files": {name: file.to_record() for name, file in sorted(files.items())},
    }


def effective_number(parts: Sequence[Part]) -> float:
    """exp(H) over the rows of conversations that the components give."""
    rows = {str(number): Fraction(part.rows) for number, part in enumerate(parts)}
    return effective({name: count for name, count in rows.items() if not parts[int(name)].is_text})


def whole(stages: Sequence[Mapping[str, Any]], *, single: bool) -> dict[str, Any]:
    """The manifest. single: whether the only stage lies in the folder itself."""
    return {"selfinstruct": __version__, "single": single, "stages": list(stages)}


def lines(mixture: Mixture, parts: Sequence[Part]) -> Iterator[str]:
    """A stage as a table for a person."""
    rows = sum(part.rows for part in parts if not part.is_text)
    tokens = sum(part.tokens for part in parts)
    if mixture.name:
        yield f"{mixture.name}"
    header = ("component", "rows", "share", "passes", *(["tokens", "share"] if tokens else []))
    table = [header, *(_cells(part, rows, tokens) for part in parts)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  " + "  ".join(cells).rstrip()
    yield (
        f"  {rows:,} rows{f', {tokens:,} tokens' if tokens else ''}; "
        f"effective number of components {effective_number(parts):.2f}"
    )
    yield from _remarks(parts, rows)


def _cells(part: Part, rows: int, tokens: int) -> tuple[str, ...]:
    name = f"{part.name} of {part.stage}" if part.stage else part.name
    share = "text" if part.is_text else f"{part.rows / rows:.2%}" if rows else "-"
    cells = (name, f"{part.rows:,}", share, f"{part.passes:.2f}")
    return (*cells, f"{part.tokens:,}", f"{part.tokens / tokens:.2%}") if tokens else cells


def _remarks(parts: Sequence[Part], rows: int) -> Iterator[str]:
    several = sum(not part.is_text for part in parts) > 1
    for part in parts:
        if part.rows > part.size:
            yield (
                f"  {part.name}: {part.rows:,} rows of {part.size:,} records: "
                f"each is there {part.passes:.1f} times on average"
            )
        if not part.is_text and 2 * part.rows > rows and several:
            yield f"  {part.name}: is over half of all rows; a cap or a temperature spreads them"
        for reason, count in sorted(part.dropped.items()):
            yield f"  {part.name}: {count:,} records left out, {reason}"
        if not part.license and not part.stage:
            yield f"  {part.name}: no licence is known; say it with license = in its component"
