"""A request's key and its bytes on the wire: put together from parts, the same as encoded whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.models import Decoding, Message, Request
from selfinstruct.models.openai.bodies import Bodies, body_of, content_of, encoded

TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from('\x00\x1f\x7f\x80\x9f\u2028\ud800\udfff"\\/\U0001f600'),
    ),
    max_size=20,
)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant", "prompt"]), TEXTS),
    max_size=4,
).map(tuple)
DECODINGS = st.builds(
    Decoding,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.just(0.5),
    max_tokens=st.none() | st.integers(1, 4096),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
)
REQUESTS = st.builds(
    Request,
    stage=st.sampled_from(["propose", "classify"]),
    place=TEXTS,
    model=TEXTS,
    api=st.sampled_from(["chat", "completions"]),
    messages=MESSAGES,
    decoding=DECODINGS,
    seed=st.integers(0, 2**31 - 1),
    response_format=st.sampled_from(["text", "text", "json_object", "json_schema"]),
    grammar=st.none() | TEXTS,
    extra=st.lists(st.tuples(st.sampled_from(["top_k", "é"]), TEXTS), max_size=2).map(tuple),
    schema=st.none() | st.just({"list": {"type": "array"}}),
)
PARTS: dict[str, str | None] = {
    "system": "user",
    "seed": None,
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "propose.stop": "1",
    "classify.system": "user",
    "json_schema": "json_object",
}
FORMS = st.lists(st.sampled_from(sorted(PARTS)), unique=True).map(
    lambda names: {name: PARTS[name] for name in names}
)


@settings(max_examples=150, deadline=None)
@given(request=REQUESTS, left_out=FORMS)
def test_a_body_is_sent_as_its_encoding_at_once(
    request: Request, left_out: dict[str, str | None]
) -> None:
    body: dict[str, Any] = body_of(request, left_out)
    whole = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    assert content_of(request, left_out) == encoded(body) == whole
    assert content_of(request, left_out) == whole  # from the parts that the messages have kept


@settings(max_examples=150, deadline=None)
@given(asked=st.lists(REQUESTS, min_size=1, max_size=3), forms=st.lists(FORMS, min_size=1))
def test_the_parts_that_are_kept_for_a_stage_change_no_body(
    asked: list[Request], forms: list[dict[str, str | None]]
) -> None:
    bodies = Bodies()
    for request in asked:
        for form in (*forms, *forms):
            for seed in (request.seed, 0, 7):
                sent = replace(request, seed=seed)
                assert bodies.content_of(sent, form) == content_of(sent, form)
                other = replace(sent, messages=(*sent.messages, Message("user", '"seed":null')))
                assert bodies.content_of(other, form) == content_of(other, form)


@settings(max_examples=150, deadline=None)
@given(request=REQUESTS)
def test_a_key_is_the_digest_of_the_whole_request(request: Request) -> None:
    decoding = request.decoding
    listed = [
        *(request.stage, request.place, request.model, request.api),
        [[message.role, message.text] for message in request.messages],
        *(decoding.temperature, decoding.top_p, decoding.max_tokens),
        *(decoding.presence_penalty, decoding.frequency_penalty, decoding.stop),
        *(request.seed, request.response_format, request.grammar, request.extra),
    ]
    whole = json.dumps(listed, sort_keys=True, separators=(",", ":"))
    assert request.key == hashlib.sha256(whole.encode("ascii")).hexdigest()[:32]
