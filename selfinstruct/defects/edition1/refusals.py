"""Outputs that decline the task, in nine languages."""

from __future__ import annotations

import re

from selfinstruct.defects.edition1.finding import Checked, Finding, found

_SELF = (
    r"(?:as|being|since i am|because i am|i am|i'm|i\u2019m) (?:just |only |merely )?an? (?:ai\b"
    r"|artificial intelligence|(?:large |ai )?language model|virtual assistant"
    r"|text[- ]based)[\w\s-]{0,40}"
)
_CANNOT = (
    r"(?:can(?:'t|\u2019t|not| not)|could(?:n't|n\u2019t| not)|am (?:not able|unable)"
    r"|'m (?:not able|unable)|\u2019m (?:not able|unable)|am not capable"
    r"|do(?:n't|n\u2019t| not) have (?:the (?:ability|capability|capabilities|means)|access|enough"
    r"|sufficient|personal|feelings|emotions|opinions|preferences|real-?time|physical|any|an? )"
    r"|won(?:'t|\u2019t)|will not be able"
    r"|must decline|have to decline|do(?:n't|n\u2019t| not) (?:feel comfortable|possess)"
    r"|'m not comfortable|am not comfortable|lack the ability)"
)
_ENGLISH = re.compile(
    rf"\W{{0,3}}(?:(?:i(?:'m| am|\u2019m) (?:very |so |really |truly )?(?:sorry|afraid)|sorry"
    rf"|my apologies|i apologi[sz]e|apologies|unfortunately|regrettably)\b[\s,.:;!\u2014-]*"
    rf"(?:for [\w\s]{{0,40}}[,.] )?(?:but |that |however,? )*(?:{_SELF}[,;.]? )?(?:i\b ?{_CANNOT}"
    rf"|it (?:is|'s) (?:not possible|impossible) for me"
    rf"|this (?:request|task|question|instruction) (?:is|can(?:not|'t))"
    rf"|(?:this|that) is (?:not )?something i {_CANNOT})"
    rf"|{_SELF}[,;.]? (?:and )?(?:unfortunately,? )?(?:i ?)?{_CANNOT}"
    rf"|i(?: | (?:really|simply|just) ){_CANNOT}[^.]{{0,60}}\b(?:fulfil\w*|assist|help|comply"
    rf"|complete|provide|answer|access|browse|create|generate|draw|display|open|view|see|perform"
    rf"|do that|write|summari[sz]e|translate|play|process|determine)"
    rf"|i(?:'m| am|\u2019m) (?:not able|unable) to (?:access|listen|edit|browse|send|call|find|read"
    rf"|watch|tell|predict|view|see|hear|play|draw|open|display|create|generate|make|book|order"
    rf"|search|look up|answer|help|assist|complete|fulfil\w*|comply|provide|process|perform)\b"
    r"|i (?:do not|don't|don\u2019t) have access to\b"
    r"|i (?:do not|don't|don\u2019t) have (?:personal|feelings|emotions|physical|the ability)\b"
    rf"|i {_CANNOT} (?:fulfil|comply|assist|help|complete|provide|answer)"
    r"|(?:this|the) (?:request|task|question|instruction|prompt) (?:can(?:not|'t)|could not"
    r"|is unable to) be (?:completed|answered|fulfilled|done|performed)"
    r"|unable to (?:complete|fulfil\w*|answer|process|comply|assist|provide|generate|perform)"
    r"|it is not possible to (?:complete|answer|fulfil\w*|perform|provide)"
    r"|it (?:is|'s) (?:not possible|impossible) for me to\b"
    r"|(?:please )?(?:provide|give me|supply) (?:more|additional|further) (?:information|context"
    r"|details)"
    r"|i (?:would )?need more (?:information|context|details)"
    r"|(?:there is )?not enough (?:information|context) (?:is )?(?:given|provided"
    r"|to (?:answer|complete))"
    r"|i (?:do not|don't|don\u2019t) (?:understand|know what you|see any|see an)\b)",
    re.I,
)
_OTHERS = re.compile(
    r"\W{0,3}(?:lo siento|lo lamento|perdona|disculp\w+|lamentablemente"
    r"|como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje))\b.{0,80}\bno (?:puedo"
    r"|me es posible|tengo (?:acceso|la capacidad|forma))"
    r"|\W{0,3}(?:d\u00e9sol\u00e9e?|je suis d\u00e9sol\u00e9e?|malheureusement|je regrette"
    r"|en tant qu['\u2019](?:ia|intelligence artificielle|assistant))\b.{0,80}\bje ne (?:peux|suis"
    r"|puis|dispose)\b"
    r"|\W{0,3}(?:es tut mir (?:sehr )?leid|tut mir leid|leider"
    r"|als (?:ki|k\u00fcnstliche intelligenz|sprachmodell))\b.{0,60}\b(?:kann ich|ich kann|bin ich"
    r"|ich bin|habe ich|ich habe)\b.{0,80}\b(?:nicht|kein\w*)\b"
    r"|\W{0,3}(?:desculp\w+|sinto muito|lamento|infelizmente)\b.{0,60}\bn\u00e3o (?:posso|consigo"
    r"|tenho)"
    r"|\W{0,3}(?:mi dispiace|purtroppo|spiacente)\b.{0,60}\bnon (?:posso|sono in grado|ho)"
    r"|\W{0,3}(?:\u5bf9\u4e0d\u8d77|\u5f88?\u62b1\u6b49|\u975e\u5e38\u62b1\u6b49|\u6284\u6b49"
    r"|\u4e0d\u597d\u610f\u601d|\u9057\u61be|\u5f88\u9057\u61be)[\uff0c,\u3002\uff01! ]{0,2}.{0,20}"
    r"(?:\u6211|\u65e0\u6cd5|\u4e0d\u80fd).{0,12}(?:\u65e0\u6cd5|\u4e0d\u80fd|没有能力|没法"
    r"|\u6ca1\u6709\u529e\u6cd5|\u4e0d\u4f1a|\u63d0\u4f9b|\u5b8c\u6210|\u56de\u7b54|\u5e2e)"
    r"|\u4f5c\u4e3a(?:\u4e00(?:\u4e2a|\u540d|\u6b3e|\u79cd))?(?:\u4eba\u5de5\u667a\u80fd|AI"
    r"|\u8bed\u8a00\u6a21\u578b|\u5927\u578b\u8bed\u8a00\u6a21\u578b).{0,20}[\uff0c,]?\u6211.{0,6}"
    r"(?:\u65e0\u6cd5|\u4e0d\u80fd|\u6ca1\u6709\u80fd\u529b|\u4e0d\u5177\u5907)"
    r"|(?:\u7533\u3057\u8a33|\u3059\u307f\u307e\u305b\u3093"
    r"|\u6b8b\u5ff5).{0,40}(?:\u3067\u304d\u307e\u305b\u3093|\u304b\u306d\u307e\u3059)"
    r"|(?:\uc8c4\uc1a1).{0,40}(?:\uc5c6\uc2b5\ub2c8\ub2e4)"
    r"|(?:\u0438\u0437\u0432\u0438\u043d\u0438\u0442\u0435"
    r"|\u043a \u0441\u043e\u0436\u0430\u043b\u0435\u043d\u0438\u044e"
    r"|\u043f\u0440\u043e\u0441\u0442\u0438\u0442\u0435).{0,60}\b\u043d\u0435 "
    r"(?:\u043c\u043e\u0433\u0443|\u0432 \u0441\u043e\u0441\u0442\u043e\u044f\u043d\u0438\u0438)",
    re.I,
)
# Tasks that ask for an apology or a refusal, or for words that a person speaks.
_WORDS_ARE_ASKED_FOR = re.compile(
    r"apolog|sorry|declin|refus|reject|regret|excuse|turn(?:ing)? down|\bno\b.{0,20}politely"
    r"|politely|letter|e-?mail|\bnote\b|message|reply|respon[ds]|\bask|clarif|request|dialog"
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
# Tasks whose output has the words of the input.
_EDITS = re.compile(
    r"correct|\bedit|punctuat|tense|voice|rewrit|shorten|improve|change|person\b", re.I
)
# A model that speaks of itself, as no letter or story does.
_OF_ITSELF = re.compile(
    rf"{_SELF}|text-based assistant|作为(?:一(?:个|名|款))?(?:人工智能|AI|语言模型)"
    rf"|(?:access|connection) to (?:real-?time|live|the internet)|my training data",
    re.I,
)
_ABOUT_MACHINES = re.compile(
    r"\bai\b|language model|robot|chat ?bot|assistant|人工智能|机器人", re.I
)
_YET_ANSWERS = re.compile(
    r"\b(?:but|however|that said|nevertheless|instead|here (?:is|are)|pero|mais|aber)\b|\u4f46"
    r"|\u4e0d\u8fc7",
    re.I,
)


def refusal(row: Checked) -> Finding | None:
    """An output that begins by declining and does not go on to a long answer.

    No finding where the task asks for such words.
    """
    start = row.output[:260].lstrip()
    match = _ENGLISH.match(start) or _OTHERS.match(start)
    if match is None:
        return None
    itself = _OF_ITSELF.search(start) and not _ABOUT_MACHINES.search(row.instruction)
    if not itself and (
        _WORDS_ARE_ASKED_FOR.search(row.instruction)
        or (row.input.strip() and _EDITS.search(row.instruction))
    ):
        return None
    if re.match(r"\s*i can(?:.?t|not) help but", start, re.I):
        return None
    rest = row.output.lstrip()[match.end() :]
    if len(rest.split()) > 20 and _YET_ANSWERS.search(rest):
        return None
    return found("refusal", "output", row.output)
