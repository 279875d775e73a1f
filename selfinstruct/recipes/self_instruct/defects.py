"""Known defects of an instance, and which of them drop the example (docs/checks.md)."""

from __future__ import annotations

from collections.abc import Sequence

from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.defects import Finding, Row, findings, rejecting, rejects


class Defects:
    """The checks of one run. `reject`: the setting of that name."""

    def __init__(self, reject: str) -> None:
        self._reject, self._is_off = reject, rejecting(reject) is None

    def of(self, instruction: Instruction, instance: Instance) -> list[Finding]:
        """The findings, in the order of the checks."""
        if self._is_off:
            return []
        label = instruction.is_classification
        return findings(Row(instruction.text, instance.input, instance.output, label))

    def rejecting(self, found: Sequence[Finding]) -> str | None:
        """The slug of the first finding that drops the example."""
        slugs = (finding.slug for finding in found if rejects(finding, self._reject))
        return next(slugs, None)
