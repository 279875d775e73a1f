"""The whole job by camel-ai's SelfInstructPipeline: URL COUNT SEEDS OUT.

Runs in an environment of camel-ai's own.
"""

from __future__ import annotations

import sys
import types
from typing import Any

# of other pipelines in the package; would want torch
rewards = types.ModuleType("camel.models.reward")
rewards.BaseRewardModel = rewards.Evaluator = object
sys.modules["camel.models.reward"] = rewards

from camel.agents import ChatAgent  # noqa: E402
from camel.datagen.self_instruct import SelfInstructPipeline  # noqa: E402
from camel.models import ModelFactory  # noqa: E402
from camel.types import ModelPlatformType  # noqa: E402
from camel.utils import BaseTokenCounter  # noqa: E402


class Letters(BaseTokenCounter):
    """The usual one fetches its tables from the network, and is slower."""

    def count_tokens_from_messages(self, messages: list[Any]) -> int:
        return len(str(messages)) // 4

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, token_ids: list[int]) -> str:
        return bytes(token_ids).decode()


url, count, seeds, out = sys.argv[1:]
model = ModelFactory.create(
    model_platform=ModelPlatformType.OPENAI_COMPATIBLE_MODEL,
    model_type="bench",
    url=url,
    api_key="none",
    model_config_dict={"temperature": 0.7, "max_tokens": 1024},
    token_counter=Letters(),
)
SelfInstructPipeline(
    ChatAgent(model=model), seeds, num_machine_instructions=int(count), data_output_path=out
).generate()
