"""So many replies by bespokelabs-curator: URL CONCURRENCY COUNT PROMPTS.

Runs in an environment of curator's own.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(
    CURATOR_DISABLE_CACHE="1", CURATOR_VIEWER="0", TELEMETRY_ENABLED="0", HF_HUB_OFFLINE="1"
)
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import tiktoken


class Letters:
    """Counts tokens. The usual one fetches its tables from the network, and is slower."""

    def encode(self, text: str, **_: object) -> bytes:
        return text.encode()[::4]


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _: Letters()

from bespokelabs import curator  # noqa: E402


class Replies(curator.LLM):  # type: ignore[misc]
    """Asks the prompt of a row."""

    def prompt(self, row: dict[str, Any]) -> Any:
        return row["messages"]

    def parse(self, _: dict[str, Any], response: str) -> dict[str, str]:
        return {"text": response}


url, concurrency, count, file = sys.argv[1:]
prompts = json.loads(Path(file).read_text("utf-8"))
limits = {
    "max_concurrent_requests": int(concurrency),
    "max_requests_per_minute": 10**7,
    "max_tokens_per_minute": 10**10,
}
ask = Replies(
    model_name="bench",
    backend="openai",
    backend_params={"base_url": url, "api_key": "none", **limits},
    generation_params={"temperature": 0.7, "max_tokens": 1024},
)
ask([{"messages": prompts[at % len(prompts)]} for at in range(int(count))])
