"""Estimates of what a run takes, for a person; nothing depends on them.

Pairs are (few, many), by measured runs of this program and the paper's (section 3.1 and appendix).
The pool saturates, so a long run is nearer to the first figure.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig

ACCEPTED = (0.35, 0.85)  # of the instructions asked for
EXAMPLES_PER_INSTRUCTION = {1: (0.85, 0.97), 2: (1.1, 1.7), 3: (1.2, 2.2)}  # by instances kept
CLASSIFICATION = 0.2  # of instructions
UNMARKED = (0.1, 0.0)  # of the instructions where a proposal marks them


def per_instruction(config: SelfInstructConfig, *, lucky: bool) -> float:
    """Examples of an instruction."""
    return EXAMPLES_PER_INSTRUCTION[min(config.max_instances_per_task, 3)][lucky]


def proposals(config: SelfInstructConfig, instructions: float, *, lucky: bool) -> float:
    """Propose requests for so many admitted instructions."""
    return instructions / (config.new_per_turn * ACCEPTED[lucky])


def requests(
    config: SelfInstructConfig, examples: int, *, lucky: bool, is_marked: bool
) -> Mapping[str, float]:
    """Requests by stage for so many examples. is_marked: proposals tell which tasks have labels."""
    instructions = examples / per_instruction(config, lucky=lucky)
    asked = UNMARKED[lucky] if is_marked else 1.0
    return {
        "propose": proposals(config, instructions, lucky=lucky),
        "classify": instructions * asked,
        "input_first": instructions * (1 - CLASSIFICATION),
        "output_first": instructions * CLASSIFICATION,
    }


def reply_tokens(config: SelfInstructConfig, stage: str, each: float, *, lucky: bool) -> float:
    """Tokens of a reply; `each`: of an instruction, a label or an instance in the reply."""
    if stage == "propose":
        return config.new_per_turn * each
    return each if stage == "classify" else each * per_instruction(config, lucky=lucky)
