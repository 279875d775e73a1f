"""The keywords of the library's functions that ask a model, for type checkers and editors.

A test compares them with Config and with the commands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

Place = str | os.PathLike[str]  # of a file or a directory
Progress = bool | Callable[[int, int], None]
"""True shows a bar on standard error.

A function is called with the numbers of examples done and wanted, in another thread.
"""


class Server(TypedDict, total=False):
    """Which server is asked, how fast, and for how much: see `Config` for each."""

    base_url: str | Sequence[str]
    key_file: Place
    extra_body: str | Mapping[str, Any]
    header: str | Sequence[str] | Mapping[str, str]
    header_env: str | Sequence[str] | Mapping[str, str]
    query: str | Sequence[str] | Mapping[str, str]
    prompts: Place
    concurrency: int
    adaptive: bool
    rpm: int
    tpm: int
    timeout: float
    retries: int
    patience: float
    max_cost: float
    max_tokens_total: int
    max_requests: int
    price_in: float
    price_out: float


class _Asked(Server, total=False):
    """The same for whoever asks for texts."""

    api: str
    response_format: str
    leave_out: str | Sequence[str]
    system: bool
    stream: bool
    attempts: int
    batch: bool
    by_files: bool
    files_wait: float
    requests_per_file: int
    price_batch: float
    temperature: float | str | None  # None or "none": the server's own
    max_tokens: int | str | None


class _Endpoint(_Asked, total=False):
    """The same with a model."""

    model: str


class Settings(_Endpoint, total=False):
    """The keywords of `generate`: every setting of `Config`, and decoding settings.

    Decoding settings hold for all stages, or for a single stage.
    """

    n: int
    preset: str
    seed: int
    shard: str
    threshold: float
    tokenizer: str
    demos: int
    machine_demos: int
    new_per_turn: int
    max_instances_per_task: int
    lag: int
    record_similarity: bool
    draws: Place
    other_models: Sequence[str]
    tail: float
    reject: str
    seed_tasks: Place
    topics: Place
    personas: Place
    stall_turns: int
    verify_with: str | Sequence[str]
    mend: int
    propose: Mapping[str, Any]
    classify: Mapping[str, Any]
    input_first: Mapping[str, Any]
    output_first: Mapping[str, Any]
    top_p: float | str | None
    presence_penalty: float | str | None
    frequency_penalty: float | str | None
    stop: str | Sequence[str] | None


class Responding(_Asked, total=False):
    """The settings of `respond`, beside its sources and models."""

    n: int
    seed: int
    shard: str
    replace: bool
    fields: Sequence[str]
    stall_turns: int
    verify_with: str | Sequence[str]
    mend: int
    answer: Mapping[str, Any]
    top_p: float | str | None
    presence_penalty: float | str | None
    frequency_penalty: float | str | None
    stop: str | Sequence[str] | None


class Sitting(TypedDict, total=False):
    """The parameters of every function that makes a run."""

    progress: Progress
    seconds: float | None
    repair: bool
    ask_again: bool
    accept_change: bool


class _Run(_Endpoint, Sitting, total=False):
    """What the recipes over runs and datasets share."""

    n: int
    seed: int
    shard: str
    stall_turns: int
    verify_with: str | Sequence[str]
    mend: int
    top_p: float | str | None
    presence_penalty: float | str | None
    frequency_penalty: float | str | None
    stop: str | Sequence[str] | None


class _Themed(_Run, total=False):
    """The same for recipes that draw topics and personas."""

    topics: Place
    personas: Place


class Eliciting(_Themed, total=False):
    """The keywords of `unnatural`."""

    paraphrases: int
    elicit: Mapping[str, Any]
    output: Mapping[str, Any]
    paraphrase: Mapping[str, Any]


class Evolving(_Themed, total=False):
    """The keywords of `evolve`."""

    rounds: int
    operator: str | Sequence[str]
    new_words: int
    constraints: Mapping[str, Any]
    deepen: Mapping[str, Any]
    concretize: Mapping[str, Any]
    reasoning: Mapping[str, Any]
    complicate: Mapping[str, Any]
    breadth: Mapping[str, Any]
    same: Mapping[str, Any]
    answer: Mapping[str, Any]


class Chatting(_Themed, total=False):
    """The keywords of `chat`."""

    style: str
    turns: int
    threshold: float
    chat_template: Place
    prefix: str
    opening: Mapping[str, Any]
    reply: Mapping[str, Any]
    message: Mapping[str, Any]
    transcript: Mapping[str, Any]
    user_turn: Mapping[str, Any]


class Paraphrasing(_Run, total=False):
    """The keywords of `paraphrase`."""

    paraphrases: int
    paraphrase: Mapping[str, Any]
    answer: Mapping[str, Any]


class Inverting(_Run, total=False):
    """The keywords of `invert`."""

    fields: Sequence[str]  # as "instruction=question"
    instruction: str
    most_outputs: int
    invert: Mapping[str, Any]


class Constraining(_Run, total=False):
    """The keywords of `constrain`."""

    most: int
    constraint: str | Sequence[str]
    hold_out: str | Sequence[str]
    tries: int
    wording: str
    reword: Mapping[str, Any]
    follow: Mapping[str, Any]


class Organising(_Run, total=False):
    """The keywords of `dynosaur`."""

    tasks: Place
    metadata: str  # both | aware | unaware
    rows: int
    per_task: int
    per_dataset: int
    novelty: float
    novelty_across: float
    most_labels: int
    top_of_two: float
    top_of_more: float
    aware: Mapping[str, Any]
    unaware: Mapping[str, Any]


class Judging(_Endpoint, total=False):
    """The keywords of `judge` beside its own parameters."""
