"""The requests of an ended batch: answered, failed, late, or lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfinstruct.errors import ModelError
from selfinstruct.models.batch.api import NotThere
from selfinstruct.models.batch.log import SentRequest
from selfinstruct.models.batch.state import COMPLETED, FAILED, BatchState


@dataclass(slots=True)
class BatchResult:
    """A batch's requests, as far as the batch's files have been read."""

    state: BatchState
    left: dict[str, SentRequest]  # by key, the requests without a reply so far
    answered: int = 0
    charged: set[str] = field(default_factory=set)  # keys of lines that will be on the bill
    why: dict[str, Exception] = field(default_factory=dict)  # by key, of requests that are left
    unread: set[str] = field(default_factory=set)  # keys of answers that cannot be read
    gone: NotThere | None = None  # a file that the endpoint names and does not have

    @property
    def refusal(self) -> ModelError | None:
        """The error by which the endpoint refuses the whole run."""
        return next((error for error in self.why.values() if isinstance(error, ModelError)), None)

    @property
    def missing(self) -> set[str]:
        """Keys of requests that are in neither file."""
        return {key for key in self.left if key not in self.why}

    @property
    def is_late(self) -> bool:
        """Whether files may still come, or grow: the endpoint has answered more than they hold."""
        if self.state.is_final:
            return False
        if not self.missing or self.gone is not None or self._counts_more:
            return bool(self.missing)
        is_clear = bool(self.state.files) and self.state.counts.is_whole
        return self.state.status == COMPLETED and not is_clear

    @property
    def lost(self) -> set[str]:
        """Keys of requests that may be charged without a reply.

        Their answers cannot be read, or are in neither file although they may have been made.
        """
        counts, is_completed = self.state.counts, self.state.status == COMPLETED
        if self.gone is not None or self._counts_more:
            return self.unread | self.missing
        is_unclear = counts.completed is None or (is_completed and not counts.is_whole)
        return self.unread | (self.missing if is_unclear and self.state.status != FAILED else set())

    @property
    def _counts_more(self) -> bool:
        done = self.state.counts.completed
        return done is not None and done > len(self.charged)
