"""Outputs in another language than the task asks for, judged by letters and common words."""

from __future__ import annotations

import re
from collections import Counter

from selfinstruct.defects.code import looks_like_code
from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import has_any
from selfinstruct.text import late

_SCRIPTS = {
    "han": "\u3400-\u9fff", "kana": "\u3040-\u30ff", "hangul": "\uac00-\ud7af",
    "cyrillic": "\u0400-\u04ff", "arabic": "\u0600-\u06ff", "hebrew": "\u0590-\u05ff",
    "greek": "\u0370-\u03ff", "thai": "\u0e00-\u0e7f", "devanagari": "\u0900-\u097f",
    "latin": "a-zA-Z\u00c0-\u024f\u1e00-\u1eff",
}  # fmt: skip
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_WORDS = {
    "en": (
        "the and of to is in that it was for you with are this have on not be he she they my your"
        " we what will has can i a an from there his her our at would do please how where who when i cannot come go get but all if no"
    ),
    "es": (
        "el la los las de que y en es un una por con para no se su al lo como m\u00e1s est\u00e1"
        " muy mi me te tu yo hola gracias d\u00f3nde qu\u00e9 c\u00f3mo quiero tengo ella esta hoy"
    ),
    "fr": (
        "le la les de des et est un une que qui dans pour pas sur avec ce il elle je vous nous au"
        " du ne se mon ma tu me te plus sont bonjour merci o\u00f9 comment tr\u00e8s j'ai c'est suis aime"
    ),
    "de": (
        "der die das und ist nicht ein eine ich zu den mit sich auf f\u00fcr von dem es im sie wir"
        " wie auch hat sind mein wo bitte danke guten sehr kann habe m\u00f6chte heute"
    ),
    "it": (
        "il la le di che e un una per non con sono \u00e8 del della i gli mi si lo come pi\u00f9"
        " molto ciao grazie dove ho mio mia questo oggi alla nel"
    ),
    "pt": (
        "o a os as de que e um uma para n\u00e3o com em \u00e9 do da por se mais eu voc\u00ea muito"
        " meu minha obrigado onde como est\u00e1 no na hoje est\u00e3o foi"
    ),
    "nl": (
        "de het een en van is niet ik je dat in op zijn met voor aan er maar hij ze wij mijn hoe"
        " waar dank goed heel heb kan"
    ),
}
_LEXICON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_MARKS = {
    "es": "\u00f1\u00bf\u00a1",
    "pt": "\u00e3\u00f5",
    "de": "\u00df\u00e4",
    "fr": "\u0153\u00ea\u00fb",
}
_NAMES = {
    "english": "en", "spanish": "es", "french": "fr", "german": "de", "italian": "it",
    "portuguese": "pt", "dutch": "nl", "chinese": "han", "mandarin": "han", "japanese": "kana",
    "korean": "hangul", "russian": "cyrillic", "ukrainian": "cyrillic", "bulgarian": "cyrillic",
    "arabic": "arabic", "persian": "arabic", "urdu": "arabic", "hebrew": "hebrew", "greek": "greek",
    "thai": "thai", "hindi": "devanagari", "\u82f1\u8bed": "en", "\u82f1\u6587": "en",
    "\u897f\u73ed\u7259\u8bed": "es", "\u6cd5\u8bed": "fr", "\u5fb7\u8bed": "de",
    "\u4e2d\u6587": "han", "\u6c49\u8bed": "han", "\u65e5\u8bed": "kana", "\u97e9\u8bed": "hangul",
    "\u4fc4\u8bed": "cyrillic", "ingl\u00e9s": "en", "espa\u00f1ol": "es", "franc\u00e9s": "fr",
    "alem\u00e1n": "de", "anglais": "en", "fran\u00e7ais": "fr", "espagnol": "es", "allemand": "de",
    "英語": "en", "フランス語": "fr", "ドイツ語": "de", "スペイン語": "es", "中国語": "han",
    "韓国語": "hangul", "日本語": "kana", "日文": "kana", "韩文": "hangul", "法文": "fr",
    "德文": "de", "意大利语": "it", "葡萄牙语": "pt", "阿拉伯语": "arabic", "englische": "en",
    "deutsche": "de", "franz\u00f6sische": "fr", "spanische": "es",
}  # fmt: skip
_ENOUGH = 1500  # letters that tell what a text is written in
_ANY_NAME = "|".join(sorted(_NAMES, key=len, reverse=True))
_KIND = r"(?:(?:simplified|traditional|brazilian|modern|standard|formal|proper|plain|simple|mexican|american|british|fluent|everyday|correct) )?"
# Behind the name of a language to write in stands an end, or another part of the sentence: in
# "French fries" the name belongs to a thing.
_BEHIND = (
    r"(?:[- ](?:language|translation|version|script|characters|sentence|text|words?))?\s*(?:$|[.,:;!?\"'()\u201c\u201d\n]"
    r"|\b(?:and|from|for|using|with|the|this|as|so|about|what|how|only|please|without|while|that|to"
    r"|instead|then|but|below|using|by|based|when|if)\b)"
)
_TARGET = late(
    rf"\b(?:translat\w*|convert|render|change|turn|put|rewrite)\b[^.\n]{{0,160}}?\b(?:in|to|into) (?:the )?"
    rf"{_KIND}(?P<a>{_ANY_NAME})(?={_BEHIND})"
    rf"|\b(?:write|say|answer|respond|reply|express|compose|give|explain|describe|provide|create"
    rf"|generate|tell|summari[sz]e)\b[^.\n]{{0,120}}?\bin {_KIND}(?P<e>{_ANY_NAME})(?={_BEHIND})"
    rf"|(?:\u7ffb\u8bd1[\u6210\u4e3a\u5230]|\u8bd1[\u6210\u4e3a]|\u7528)(?P<b>{_ANY_NAME})"
    rf"(?![^\uff0c\u3002,.]{{0,12}}\u7684)"
    rf"|(?P<d>{_ANY_NAME})(?:に訳|に翻訳|で(?:答|書|説明))"
    rf"|\b(?:al|au|en|ins|auf) (?P<c>ingl\u00e9s|espa\u00f1ol|franc\u00e9s|alem\u00e1n|anglais"
    rf"|fran\u00e7ais|espagnol|allemand|englische|deutsche|franz\u00f6sische|spanische)\b",
    re.I,
)
_TRANSLATES = late(
    r"translat|traduc|tradui|\u00fcberset|\u7ffb\u8bd1|\u8bd1|\u8a33|how (?:do|would) you say", re.I
)
_LANGUAGES_ARE_MEANT = late(
    rf"translat|language|\btongue|transliterat|roman[ij]|pinyin|traduc|traduis|tradui"
    rf"|\u00fcbersetz|\u7ffb\u8bd1|\u8bd1|\u8bed|\u82f1\u6587|\bname|etymolog|word for"
    rf"|\b(?:{_ANY_NAME})\b|\u5355\u8bcd|\u7f29\u5199|\u540d|\u7c7b|\u6b4c|\u53e5|\u8bcd"
    rf"|\u4ee3\u7801|\u7f51|\u51fd\u6570|\u7a0b\u5e8f|\u516c\u5f0f|\u547d\u4ee4|\u5b57|sql|html"
    rf"|python|java|code|regex",
    re.I,
)
_TWO_LANGUAGES = late(
    r"from .* and |both|bilingual|explain|identify|detect|compar|teach|differen|meaning|used in"
    r"|how (?:do|to|would) (?:you|i|we)? ?(?:say|pronounce)|pronunciation|pronounce|transliterat"
    r"|romaji|pinyin|romani[sz]|characters",
    re.I,
)


def language_of(text: str) -> str | None:
    """The language of a text, None where the letters and words leave a doubt.

    For Latin letters a code: en, es, fr, de, it, pt, nl. For other letters the name of the script.
    """
    text = text[:_ENOUGH]
    counts = {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
    total = sum(counts.values())
    script = max(counts, key=lambda name: counts[name])
    if counts["kana"] > 0.1 * total:
        return "kana"
    if total < 2 or counts[script] < 0.7 * total:
        return None
    return _latin(text) if script == "latin" else script


def wrong_language(row: Checked) -> Finding | None:
    """Another language than the instruction names; without a name, another script than its own."""
    if not row.output.strip() or row.is_classification or "```" in row.output:
        return None
    if _target(row.instruction):
        return in_another_language(row)
    is_latin = row.instruction.isascii() and row.output.isascii()
    return None if is_latin else _other_script(row)


def _target(instruction: str) -> re.Match[str] | None:
    lowered = instruction.lower()  # an instruction without a name needs no closer look
    return _TARGET.search(instruction) if has_any(lowered, _NAMES) else None


def in_another_language(row: Checked) -> Finding | None:
    """An output in another language than the instruction names; None where no name stands there."""
    target = _target(row.instruction)
    if target is None or _TWO_LANGUAGES.search(row.instruction):
        return None
    wanted = _NAMES[next(filter(None, target.groups())).lower()]
    if _TRANSLATES.search(row.instruction):
        if row.input and _written(row.input, wanted):  # from that language, not into it
            return None
        # "good night" is "buenas noches": the translation stands in quotation marks
        if len(row.output.split()) < 40 and any(
            quoted.strip("\"'\u201c\u201d\u300c\u300d") not in f"{row.instruction} {row.input}"
            for quoted in _QUOTED.findall(row.output)
        ):
            return None
    return _beside(row, wanted)


def _written(text: str, wanted: str) -> bool:
    """Whether a text is written in a language, or in the script of that name."""
    if len(wanted) == 2:
        return language_of(text) == wanted
    return len(_LETTERS[wanted].findall(text)) > 0.3 * len(text)


def _beside(row: Checked, wanted: str) -> Finding | None:
    output = _REMARK.sub(" ", row.output)
    is_latin = len(wanted) == 2
    spoken = language_of(output)
    if spoken is None:
        unwritten = (
            not is_latin
            and not _LETTERS[wanted].search(row.output)
            and len(output.split()) > 3
            and len(_LETTERS["latin"].findall(output)) >= 8
        )
        return found("wrong_language", "output", row.output) if unwritten else None
    if (
        spoken == wanted
        or (wanted == "kana" and spoken == "han")
        or {spoken, wanted} == {"es", "pt"}
    ):
        return None
    return None if _CALL.search(output) else found("wrong_language", "output", row.output)


_REMARK = late(r"\([^()]{0,200}\)|\uff08[^\uff08\uff09]{0,200}\uff09")
_CALL = late(r"\w\(['\"]")
_ADDRESS = late(r"https?://\S+|www\.\S+|\S+@\S+|#\w+|\[[^\[\]]{0,200}\]")
_QUOTED = late(r"“[^”]{0,300}”|\"[^\"]{0,300}\"|《[^》]{0,100}》|「[^」]{0,100}」|'[^']{0,100}'")


def _other_script(row: Checked) -> Finding | None:
    """An output of more than a few words that has no letters of the instruction's script."""
    asked, output = _script(_QUOTED.sub(" ", row.instruction)), _script(row.output)
    if asked is None or output is None or asked == output or {asked, output} <= {"han", "kana"}:
        return None
    if len(_LETTERS[output].findall(_ADDRESS.sub(" ", row.output))) < (
        24 if output == "latin" else 8
    ) or _LANGUAGES_ARE_MEANT.search(row.instruction):
        return None
    if (
        output == _script(row.input)
        or looks_like_code(row.output)
        or len(_LETTERS[asked].findall(row.output)) > 3
        or _is_names(row.output)
        or _knows(row.instruction, output)
    ):
        return None
    return found("wrong_language", "output", row.output)


def _knows(instruction: str, script: str) -> bool:
    """Whether an instruction has words of a script beside those of its own."""
    text = _ADDRESS.sub(" ", _QUOTED.sub(" ", instruction))
    if script == "latin":
        return re.search(r"[A-Za-z]{3,}", text) is not None
    return len(_LETTERS[script].findall(text)) > 1


def _is_names(text: str) -> bool:
    """Whether a text is a list of names: nearly every word has a capital letter."""
    words = re.findall(r"[^\W\d_]{3,}", text)
    return bool(words) and sum(word[0].isupper() for word in words) > 0.8 * len(words)


def _script(text: str) -> str | None:
    """The script of most words. Addresses and lists in brackets do not count."""
    text = _ADDRESS.sub(" ", text[:_ENOUGH])
    if text.isascii():
        return "latin" if any(map(str.isalpha, text)) else None
    counts = Counter({name: len(letters.findall(text)) for name, letters in _LETTERS.items()})
    counts["latin"] = 2 * len(_WORD.findall(text))  # a letter of Han is about half a word
    (name, most), total = counts.most_common(1)[0], counts.total()
    return name if total and most > 0.6 * total else None


_WORD = late(r"[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]{2,}")


def _latin(text: str) -> str | None:
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    scores = {
        language: float(sum(word in lexicon for word in words))
        for language, lexicon in _LEXICON.items()
    }
    for language, marks in _MARKS.items():
        scores[language] += 1.0 * any(mark in text.lower() for mark in marks)
    best, second = sorted(scores.values(), reverse=True)[:2]
    clear = best >= 2 and best > 1.3 * second and best >= 0.15 * len(words)
    return max(scores, key=lambda language: scores[language]) if clear else None
