"""Several endpoints that share the load, each within its own limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.limits.limits import Limited


class _Endpoint:
    def __init__(self, model: Limited) -> None:
        self.model, self.limits = model, model.limits
        self.is_out = self.is_tried = self.has_refused = False
        self.pause, self.again_at = 0.0, 0.0


class Spread:
    """Sends each request to the least busy of the endpoints that may be called now.

    One that cannot be reached, or that refuses the run, is left out while another serves, and tried again with one request after
    a pause that grows. Where all are out, those that have refused nothing are asked as if none were out, and what they say goes
    to whoever makes calls again. The run is refused when all have refused it.
    """

    PAUSE, LONGEST_PAUSE = 2.0, 120.0  # seconds that an endpoint is left out

    def __init__(
        self,
        models: Sequence[Limited],
        notice: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoints = [_Endpoint(model) for model in models]
        self._notice, self._clock = notice, clock

    def delay(self, request: Request) -> float:
        """Seconds until some endpoint may be sent this request; infinite: not before a call has ended."""
        now = self._clock()
        return min(self._delay(one, request, now) for one in self._endpoints)

    async def complete(self, request: Request) -> Completion:
        now = self._clock()
        endpoint = min(
            self._endpoints,
            key=lambda one: (self._delay(one, request, now), not one.is_out, one.limits.load),
        )
        endpoint.is_tried = endpoint.is_out
        try:
            completion = await endpoint.model.complete(request)
        except (ModelError, Transient) as error:
            is_refusal = isinstance(error, ModelError)
            is_gone = isinstance(error, Transient) and error.is_server_gone
            if len(self._endpoints) == 1 or not (is_refusal or is_gone):
                raise
            self._leave_out(endpoint, error, refuses=is_refusal)
            if all(one.has_refused for one in self._endpoints):
                raise
            if all(one.is_out for one in self._endpoints):
                raise Transient(str(error), is_server_gone=True) from error
            # Nothing against the request: another endpoint takes it at once.
            raise Transient(str(error), retry_after=0.0, is_server_busy=True) from error
        finally:
            endpoint.is_tried = False
        if endpoint.is_out:
            endpoint.is_out, endpoint.has_refused, endpoint.pause = False, False, 0.0
            self._notice(f"{endpoint.limits.name} answers again: takes its share")
        return completion

    async def close(self) -> None:
        for one in self._endpoints:
            await one.model.close()

    def _delay(self, one: _Endpoint, request: Request, now: float) -> float:
        all_out = one.is_out and all(other.is_out for other in self._endpoints)
        if one.is_out and (not all_out or one.has_refused):
            if one.is_tried:
                return math.inf
            if now < one.again_at:
                return one.again_at - now
        return one.limits.delay(request)

    def _leave_out(self, endpoint: _Endpoint, error: Exception, *, refuses: bool) -> None:
        now = self._clock()
        endpoint.has_refused = refuses
        if endpoint.is_out and now < endpoint.again_at:
            return  # was sent before it was left out
        endpoint.pause = min(self.LONGEST_PAUSE, 2 * endpoint.pause or self.PAUSE)
        endpoint.again_at = now + endpoint.pause
        is_news = not endpoint.is_out
        endpoint.is_out = True
        if is_news and not all(one.is_out for one in self._endpoints):
            self._notice(f"left out: {error}; the other endpoints go on, it is tried again later")
