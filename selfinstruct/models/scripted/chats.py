"""Conversations by the scripted model, for `chat`; topics and personas for every recipe."""

from __future__ import annotations

import json
import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.answers import answer
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import as_json, dressed
from selfinstruct.models.scripted.instructions import new_instruction
from selfinstruct.models.scripted.phrases import fill

LIST_FLAWS = {"opener": 0.05, "bullets": 0.04, "repeated": 0.05}  # shares of the lists
OPENING_FLAWS = {  # shares of the openings
    "no_goal": 0.02,
    "bold": 0.05,
    "opener": 0.03,
    "assistant": 0.03,  # the assistant speaks
    "label": 0.02,  # "User: ..." before the message
    "greeting": 0.02,  # and nothing else
}
MESSAGE_FLAWS = {  # shares of the further messages
    "over": 0.22,  # no flaw: the goal is reached
    "over_with_thanks": 0.08,
    "assistant": 0.04,
    "both": 0.02,  # the assistant's turn is written as well
    "label": 0.05,
    "quotes": 0.03,
    "same": 0.03,  # the first message again
    "tiny": 0.01,
}
EARLY = 0.1  # of those who would end before they may
TRANSCRIPT_FLAWS = {  # shares of the whole conversations
    "other_labels": 0.10,
    "bold": 0.05,
    "opener": 0.05,
    "twice": 0.03,  # a role speaks twice in a row
    "hanging": 0.10,  # the last message has no answer
    "short": 0.05,  # a single exchange
    "unmarked": 0.02,
}
USER_FLAWS = {"goes_on": 0.05, "same_twice": 0.02, "ends": 0.10}  # of a message behind a prefix
_TOPICS = (
    "{kind} {subject}",
    "{subject} {place}",
    "the {aspect} of {subject}",
    "{doc} on {subject}",
)
_PERSONAS = (
    "{persona} who cares about {aspect} and owns {object}",
    "{persona} in a hurry {situation}",
    "{name}, {persona}, who writes {quality} messages about {subject}",
)
_MORE = (
    "And what about the {aspect} of {topic}?",
    "I have {number} {currency} and {small} days. Does that change anything?",
    "Could you give me an example {situation}?",
    "No, I meant {topic}, {constraint}.",
    "How would {persona} see that?",
    "That is too long for me. Say it {constraint}.",
    "{mishap} came in between. What now?",
    "Which of these {things} matters most {situation}?",
)
_ASSISTANT = (
    "Sure! Here is what I can do for you: I will explain the {aspect} of {topic}.",
    "How can I help you today with {topic}?",
    "As an AI language model I have no opinion on {topic}, but I can list {things}.",
    "You're welcome! Let me know if there is anything else I can help you with.",
)
_COUNT = re.compile(r"Name (\d+) different")
_FIRST = re.compile(r"^Person: (.+)$", re.M)
_GIVEN = re.compile(r"word for word:\s*\n<message>\n(.*?)\n</message>", re.S)
_COUNTS = re.compile(r"\bwith (\d+)(?: to (\d+))? messages of the person")


def topics(rng: Random, request: Request) -> str:
    """A numbered list of topics."""
    return _listed(rng, request, _TOPICS)


def personas(rng: Random, request: Request) -> str:
    """A numbered list of persons."""
    return _listed(rng, request, _PERSONAS)


def _listed(rng: Random, request: Request, patterns: tuple[str, ...]) -> str:
    counts = _COUNT.findall(request.messages[-1].text)
    flaw = one_of(rng, LIST_FLAWS)
    items = [fill(rng, any_of(rng, patterns)) for _ in range(int(counts[-1]) if counts else 8)]
    if flaw == "repeated":
        items[-1] = items[0]
    if request.response_format != "text":
        return as_json(rng, request, "instructions", items)
    mark = "- " if flaw == "bullets" else "{}. "
    lines = [mark.format(number) + item for number, item in enumerate(items, 1)]
    return dressed("\n".join(lines), flaw, "Here is the list:")


def opening(rng: Random, request: Request) -> str:
    """A goal and a first message."""
    flaw = one_of(rng, OPENING_FLAWS)
    goal = fill(rng, "{persona} has {count} {things} on {topic}")
    text = new_instruction(rng, (), ())
    if rng.random() < 0.2:
        text += "\n\n" + fill(rng, "I have {number} {objects} and {object}.")
    if flaw == "assistant":
        text = fill(rng, any_of(rng, _ASSISTANT))
    if flaw == "greeting":
        text = "Hi!"
    if request.response_format != "text":
        return json.dumps({"goal": goal, "message": text}, ensure_ascii=False)
    text = f"User: {text}" if flaw == "label" else text
    bold = "**" if flaw == "bold" else ""
    lines = [] if flaw == "no_goal" else [f"{bold}Goal:{bold} {goal}"]
    return dressed("\n".join([*lines, f"{bold}Message:{bold} {text}"]), flaw, "Here it is:")


def message(rng: Random, request: Request) -> str:
    """The next message of a person, or the end."""
    flaw = one_of(rng, MESSAGE_FLAWS)
    text = fill(rng, any_of(rng, _MORE))
    if flaw == "assistant":
        text = fill(rng, any_of(rng, _ASSISTANT))
    if flaw == "same" and (first := _FIRST.search(request.messages[-1].text)):
        text = first[1]
    text = "?" if flaw == "tiny" else text
    is_over = flaw in ("over", "over_with_thanks")
    if is_over and "too early" in request.messages[-1].text:
        is_over = rng.random() < EARLY
    if request.response_format != "text":
        record = {"message": "" if is_over else text, "is_over": is_over}
        return json.dumps(record, ensure_ascii=False)
    if is_over:
        return "[END]" if flaw == "over" else "Thanks, that is all I need. [END]"
    if flaw == "both":
        text += f"\n\nAssistant: {answer(rng, request)}"
    if flaw == "quotes":
        text = f'"{text}"'
    return f"Person: {text}" if flaw in ("label", "both") else text


def transcript(rng: Random, request: Request) -> str:
    """A whole conversation between marks."""
    flaw = one_of(rng, TRANSCRIPT_FLAWS)
    last = request.messages[-1].text
    given, counts = _GIVEN.search(last), _COUNTS.search(last)
    few, many = (int(counts[1]), int(counts[2] or counts[1])) if counts else (2, 4)
    count = few + int(rng.random() * (many - few + 1))
    first = given[1] if given else new_instruction(rng, (), ())
    turns = [("Person", first), ("Assistant", answer(rng, request))]
    for _ in range(0 if flaw == "short" else count - 1):
        turns += [("Person", fill(rng, any_of(rng, _MORE))), ("Assistant", answer(rng, request))]
    if flaw == "twice":
        turns.insert(1, ("Person", fill(rng, any_of(rng, _MORE))))
    if flaw == "hanging":
        turns.append(("Person", fill(rng, "Thanks, {name} will like that.")))
    if request.response_format != "text":
        listed = [{"role": role.lower(), "text": text} for role, text in turns]
        return json.dumps({"turns": listed}, ensure_ascii=False)
    if flaw == "unmarked":
        return "\n\n".join(text for _, text in turns)
    names = {"Person": "Human", "Assistant": "AI"} if flaw == "other_labels" else {}
    form = {"other_labels": "{}: {}", "bold": "**{}:** {}"}.get(flaw or "", "[{}]\n{}")
    text = "\n\n".join(form.format(names.get(role, role), words) for role, words in turns)
    return dressed(text, flaw, "Here is the conversation:")


def user_turn(rng: Random, request: Request) -> str:
    """The user's turn behind a template's prefix."""
    flaw = one_of(rng, USER_FLAWS)
    text = new_instruction(rng, (), ())
    if flaw == "same_twice":
        text = f"{text} {text}"
    if flaw == "goes_on":
        return f"{text}<|im_end|>\n<|im_start|>assistant\n{answer(rng, request)}"
    return f"{text}<|im_end|>" if flaw == "ends" else text
