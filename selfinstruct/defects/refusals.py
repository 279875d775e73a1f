"""Outputs that decline the task, in English and in fifteen other languages."""

from __future__ import annotations

import re

from selfinstruct.defects.english_refusals import FIRST_PERSON, OF_ITSELF
from selfinstruct.defects.english_refusals import IMPERSONAL as ENGLISH_IMPERSONAL
from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.foreign_refusals import FOREIGN, IMPERSONAL
from selfinstruct.defects.words import words_in

# Tasks that ask for an apology or a refusal, or for words that a person speaks.
_WORDS_ARE_ASKED_FOR = re.compile(
    r"apolog|sorry|declin|refus|reject|regret|excuse|turn(?:ing)? down|\bno\b.{0,20}politely"
    r"|politely|letter|e-?mail|\bnote\b|message|reply|respon[ds]|\bask(?:s|ing)? (?:an?|the|for|him|her|them|some|if|whether|your|about|how)\b|clarif|request|dialog"
    r"|convers"
    r"|story|\bpoem|\bsong|lyric|translat|paraphras|rephras|\bquote|script|scene|monolog|role.?play"
    r"|pretend|chat ?bot|customer|cancel|complete the (?:sentence|phrase)"
    r"|finish the|continue the|example (?:of|sentence)|sentence|transcri|invitation|act as|unable"
    r"|cannot|can't"
    r"|\u9053\u6b49|\u62d2\u7edd|\u5a49\u62d2|\u4fe1|\u90ae\u4ef6|\u56de\u590d|\u5bf9\u8bdd"
    r"|\u7ffb\u8bd1|\u6545\u4e8b|\u53e5\u5b50|\u91cd\u5199|\u6539\u5199|disculpa|excus|entschuldig"
    r"|absag|absage|carta|lettre|brief|traduc|traduis|traduire|\u00fcbersetz|rechaza|refuser|断り"
    r"|メール|手紙|返信|謝罪|お詫び|翻訳|会話|道歉|造句",
    re.I,
)
_DECLINING_IS_ASKED_FOR = re.compile(
    r"apolog|sorry|declin|refus|reject|regret|excuse|customer|e-?mail|reply|respon[ds]|message"
    r"|dialog|convers|translat|\u9053\u6b49|\u62d2\u7edd|\u56de\u590d|\u90ae\u4ef6|\u7ffb\u8bd1",
    re.I,
)
_EXCLAIMS = re.compile(
    r"\W{0,3}i can(?:.?t|not) (?:help but|wait|believe|imagine|stop|stand|get enough|say enough"
    r"|live without|thank|resist|seem to|remember)",
    re.I,
)
# Tasks whose output has the words of the input.
_EDITS = re.compile(
    r"correct|\bedit|punctuat|tense|voice|rewrit|shorten|improve|change|person\b", re.I
)
# A model that speaks of itself, as no letter or story does.
_OF_ITSELF = re.compile(
    rf"{OF_ITSELF}|text-based assistant|\bgpt\b|the model\b|language model"
    rf"|作为(?:一(?:个|名|款))?(?:人工智能|AI|语言模型)"
    rf"|(?:access|connection) to (?:real-?time|live|the internet)|my training data",
    re.I,
)
_ABOUT_MACHINES = re.compile(
    r"\bai\b|language models?|robot|chat ?bot|assistant|\bgpt|machine learning|人工智能|机器人|模型",
    re.I,
)
_YET_ANSWERS = re.compile(
    r"\b(?:but|however|that said|nevertheless|instead|here (?:is|are)|for example|in general"
    r"|generally|pero|sin embargo|mais|cependant|aber|jedoch|mas|por\u00e9m|ma|per\u00f2|maar"
    r"|\u043d\u043e|\u043e\u0434\u043d\u0430\u043a\u043e|nh\u01b0ng|tuy nhi\u00ean|ancak|fakat"
    r"|namun|tetapi|ale|jednak)\b|\u4f46|\u4e0d\u8fc7|\u7136\u800c|\u3057\u304b\u3057"
    r"|\u305f\u3060\u3057|\u304c\u3001|\ud558\uc9c0\ub9cc|\uadf8\ub7ec\ub098|\u0644\u0643\u0646"
    r"|\u0932\u0947\u0915\u093f\u0928|\u0939\u093e\u0932\u093e\u0901\u0915\u093f|\n\s*(?:1[.)]|[-*\u2022])\s",
    re.I,
)
_OFFERS = re.compile(r"\b(?:but|however,?) (?:i|we|here) (?:can|is|are)\b|但我?(?:可以|能)", re.I)
_GOES_ON = 20  # words behind a "but" that answer the task
_ANSWERS = 80  # words that answer the task without a "but"
_START = 320  # letters in which an output declines


def refusal(row: Checked) -> Finding | None:
    """An output that begins by declining and does not go on to a long answer.

    No finding where the task asks for such words.
    """
    output = row.output.lstrip()
    start = output[:_START]
    match = FIRST_PERSON.match(start) or FOREIGN.match(start)
    impersonal = ENGLISH_IMPERSONAL.match(start) or IMPERSONAL.match(start)
    match = impersonal or match
    if match is None or _EXCLAIMS.match(start) or _is_of_input(start, row.input):
        return None
    is_about = _ABOUT_MACHINES.search(row.instruction)
    if impersonal and (is_about or _ABOUT_MACHINES.search(row.input[:_START])):
        return None
    if impersonal and not _DECLINING_IS_ASKED_FOR.search(row.instruction):
        itself = True
    else:
        itself = bool(_OF_ITSELF.search(start) and not is_about)
    if not itself and (
        _WORDS_ARE_ASKED_FOR.search(row.instruction)
        or (row.input.strip() and _EDITS.search(row.instruction))
    ):
        return None
    rest = output[match.end() :]
    words = words_in(rest)
    goes_on = words > _GOES_ON and _YET_ANSWERS.search(rest)
    if words > _ANSWERS or goes_on or _OFFERS.search(rest):
        return None
    return found("refusal", "output", row.output)


def _is_of_input(start: str, given: str) -> bool:
    """Whether an output begins as the input does: the words are the input's."""
    begin = start[:14].casefold()
    return len(begin) > 8 and begin in given.casefold()
