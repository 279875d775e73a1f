"""Known defects of an instance, and which of them drop the example (docs/checks.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.defects import Finding, Row, findings, rejecting, rejects


class Defects:
    """The checks of one run.

    reject: the setting of that name. edition: of the run. Edition 1 has the checks and verdicts of
    version 0.1, and writes the slugs of its findings into each example. gates: those of the run; a
    defect that a gate looks for is left to the gate, which may have the output mended.
    """

    def __init__(self, reject: str, edition: int, gates: Collection[str] = ()) -> None:
        self._slugs = rejecting(reject)
        if self._slugs and edition > 1 and "arithmetic" in gates:
            self._slugs -= {"wrong_arithmetic"}
        self._reject, self._is_first = reject, edition == 1
        if self._is_first:
            from selfinstruct.defects import edition1  # costs a new run a tenth of a second

            self._first = edition1

    def of(self, instruction: Instruction, instance: Instance) -> list[Finding]:
        """The findings, in the order of the checks. After edition 1 those that may reject."""
        if self._slugs is None or not (self._slugs or self._is_first):
            return []
        label = instruction.is_classification
        row = Row(instruction.text, instance.input, instance.output, label)
        return self._first.findings(row) if self._is_first else findings(row, self._slugs)

    def rejecting(self, found: Sequence[Finding]) -> str | None:
        """The slug of the first finding that drops the example."""
        rejects_by = self._first.rejects if self._is_first else rejects
        slugs = (finding.slug for finding in found if rejects_by(finding, self._reject))
        return next(slugs, None)

    def notes(self, found: Sequence[Finding]) -> Mapping[str, list[str]]:
        """The notes of the findings in an example's provenance; only edition 1 has any."""
        slugs = [finding.slug for finding in found]
        return {"findings": slugs} if slugs and self._is_first else {}
