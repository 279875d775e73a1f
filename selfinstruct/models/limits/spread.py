"""Several endpoints that share the load, each within its own limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.evidence import Evidence
from selfinstruct.models.limits.limits import Limited


class _Endpoint:
    """An endpoint, and whether it is left out for now."""

    def __init__(self, model: Limited) -> None:
        self.model, self.limits = model, model.limits
        self.is_out = self.is_tried = self.has_refused = False
        self.pause, self.again_at = 0.0, 0.0


class Spread:
    """Sends each request to the least busy of the endpoints that may be called now.

    An endpoint that cannot be reached, or that refuses the run, is left out while another serves.
    After a pause that grows, a single request tries that endpoint again. Where all are out, the
    endpoints without a refusal are asked as if none were out, and their errors go to the retry
    layer. The run is refused when all endpoints have refused the run. `evidence` hears which
    endpoint has answered; a probe goes to the endpoint that it names.
    """

    PAUSE, LONGEST_PAUSE = 2.0, 120.0  # seconds that an endpoint is left out

    def __init__(
        self,
        models: Sequence[Limited],
        notice: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
        evidence: Evidence | None = None,
    ) -> None:
        self._endpoints = [_Endpoint(model) for model in models]
        self._notice, self._clock = notice, clock
        self._evidence = evidence or Evidence()

    def delay(self, request: Request) -> float:
        """Seconds until an endpoint may get this request; infinite: until a call has ended."""
        now = self._clock()
        if len(self._endpoints) == 1:
            return self._delay(self._endpoints[0], request, now)
        return min(self._delay(endpoint, request, now) for endpoint in self._for(request))

    def reason(self) -> str:
        """The reasons of a delay."""
        return "; ".join(endpoint.limits.reason for endpoint in self._endpoints)

    def refused(self, server: str, error: ModelError) -> bool:
        """Leave out an endpoint that refuses the run; "": all. True if no other is left."""
        if len(self._endpoints) == 1 or not server:
            return True
        for endpoint in self._endpoints:
            if endpoint.limits.name == server:
                self._leave_out(endpoint, error, refuses=True)
        return all(endpoint.has_refused for endpoint in self._endpoints)

    async def complete(self, request: Request) -> Completion:
        now, only = self._clock(), len(self._endpoints) == 1
        endpoint = self._endpoints[0] if only else self._least_busy(request, now)
        endpoint.is_tried = endpoint.is_out
        try:
            completion = await endpoint.model.complete(request)
        except (ModelError, Transient) as error:
            is_refusal = isinstance(error, ModelError)
            is_gone = isinstance(error, Transient) and error.is_server_gone
            if len(self._endpoints) == 1:
                raise
            if isinstance(error, Transient):
                error.server = endpoint.limits.name
            if request.server or not (is_refusal or is_gone):
                raise
            self._leave_out(endpoint, error, refuses=is_refusal)
            if all(endpoint.has_refused for endpoint in self._endpoints):
                raise
            if all(endpoint.is_out for endpoint in self._endpoints):
                raise Transient(str(error), is_server_gone=True) from error
            # Nothing against the request: another endpoint serves the request at once.
            raise Transient(str(error), retry_after=0.0, is_server_busy=True) from error
        finally:
            endpoint.is_tried = False
        if endpoint.is_out:
            endpoint.is_out, endpoint.has_refused, endpoint.pause = False, False, 0.0
            self._notice(f"{endpoint.limits.name} answers again: takes its share")
        if len(self._endpoints) > 1:
            self._evidence.answered(endpoint.limits.name, now, self._clock())
        return completion

    async def close(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.model.close()

    def _for(self, request: Request) -> Sequence[_Endpoint]:
        if not request.server:
            return self._endpoints
        return [each for each in self._endpoints if each.limits.name == request.server]

    def _least_busy(self, request: Request, now: float) -> _Endpoint:
        return min(
            self._for(request),
            key=lambda endpoint: (
                self._delay(endpoint, request, now),
                not endpoint.is_out,
                endpoint.limits.load,
            ),
        )

    def _delay(self, endpoint: _Endpoint, request: Request, now: float) -> float:
        all_out = endpoint.is_out and all(other.is_out for other in self._endpoints)
        if endpoint.is_out and (not all_out or endpoint.has_refused):
            if endpoint.is_tried:
                return math.inf
            if now < endpoint.again_at:
                return endpoint.again_at - now
        return endpoint.limits.delay(request)

    def _leave_out(self, endpoint: _Endpoint, error: Exception, *, refuses: bool) -> None:
        now = self._clock()
        endpoint.has_refused = refuses
        if endpoint.is_out and now < endpoint.again_at:
            return  # this call was sent before the endpoint was left out
        endpoint.pause = min(self.LONGEST_PAUSE, 2 * endpoint.pause or self.PAUSE)
        endpoint.again_at = now + endpoint.pause
        is_news = not endpoint.is_out
        endpoint.is_out = True
        if is_news and not all(endpoint.is_out for endpoint in self._endpoints):
            self._notice(f"left out: {error}; the other endpoints go on, it is tried again later")
