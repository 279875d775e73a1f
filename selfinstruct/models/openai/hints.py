"""Hints in the words of a refusal: the parts of a request that are named, and the numbers. Pure.

A hint decides which form of the request is tried first. Only the server's answer to that form
decides whether the hint was right.
"""

from __future__ import annotations

import re
import unicodedata

# By part, the words that name the part itself, then words near the part in several languages.
_JSON = r"response.?format|json.?(?:schema|object|mode)|structured.?output|guided"
_NEAR_JSON = r"json|schema|format|формат|格式|形式|형식|تنسيق|प्रारूप"
_SYSTEM = (
    r"system.?(?:role|message|prompt|instruction)|developer.?(?:role|message|instruction)|"
    r"role.{0,30}\bsystem\b|\bsystem\b.{0,40}\bnot\b|roles must alternate"
)
_NEAR_SYSTEM = (
    r"system|developer|\brole|rolle\b|rôle|\brol\b|ruolo|papel|instru[ckçz]|sist[eè]m|систем|роль|"
    r"系统|系統|角色|システム|役割|시스템|역할|نظام|प्रणाली"
)
_SAMPLING = r"sampl|échantillon|muestreo|campion|amostr|сэмпл|выборк|采样|サンプリング|샘플링"
_PENALTY = r"penal|pénal|strafe|штраф|惩罚|懲罰|ペナルティ|페널티"
_LENGTH = (
    r"token|length|länge|longueur|longitud|lungh|compriment|lengte|токен|длин|长度|長度|長さ|"
    r"トークン|길이|토큰|طول|लंबाई"
)
_WORDS: dict[str, tuple[str, str]] = {
    "json_schema": (_JSON, _NEAR_JSON),
    "json_object": (_JSON, _NEAR_JSON),
    "system": (
        _SYSTEM,
        _NEAR_SYSTEM,
    ),
    "temperature": (
        r"temperature",
        rf"t[eé]mp[eé]rat|температур|温度|溫度|온도|حرارة|तापमान|{_SAMPLING}",
    ),
    "top_p": (r"top.?p\b|nucleus", _SAMPLING),
    "presence_penalty": (r"presence.?penalty", _PENALTY),
    "frequency_penalty": (r"frequency.?penalty", _PENALTY),
    "stop": (
        r"\bstop(?:.?(?:sequence|word|string)s?)?\b",
        r"stop|arrêt|parada|стоп|停止|정지|توقف",
    ),
    "seed": (
        r"\bseed\b",
        r"seed|zufall|startwert|graine|semilla|semente|seme\b|зерн|сид|种子|種子|シード|시드|بذرة",
    ),
    "max_tokens": (r"max.?(?:completion.?|new.?|output.?)?tokens", _LENGTH),
}
_NAMES = {part: re.compile(names, re.I) for part, (names, _) in _WORDS.items()}
_NEAR = {part: re.compile(near, re.I) for part, (_, near) in _WORDS.items()}
_ANOTHER = re.compile(
    r"api.?key|credential|unauthori[sz]ed|\bmodel\b.{0,80}\b(?:not found|(?:does )?not exist|"
    r"unknown|not loaded|no access)|(?:unknown|no such|invalid) model\b|\bnot found\b",
    re.I,
)
_FORM = re.compile(
    r"param|argument|field|option|parám|paràm|champ|campo|feld|параметр|поле|参数|參數|字段|欄位|"
    r"パラメ|フィールド|매개변수|필드|معامل|पैरामीटर",
    re.I,
)
_TOO_LONG = re.compile(
    r"context|kontext|контекст|上下文|コンテキスト|문맥|컨텍스트|سياق|too.?long|zu lang|trop long|"
    r"demasiado larg|troppo lung|te lang|слишком длин|过长|過長|長すぎ|너무 깁|너무 긴|طويل",
    re.I,
)
_NUMBER = re.compile(r"\d+(?:[.,'\u00a0\u202f]\d+)*")


def names(words: str, part: str) -> bool:
    """Whether a refusal names a part of the request, by a key of fields.INSTEAD."""
    return _NAMES[part].search(words) is not None


def points_to(words: str, part: str) -> bool:
    """Whether a refusal has a word that belongs to a part, in several languages."""
    return names(words, part) or _NEAR[part].search(words) is not None


def is_about_another(words: str) -> bool:
    """Whether a refusal speaks of the key, the model or the path, and so hardly of the form."""
    return _ANOTHER.search(words) is not None


def is_about_form(words: str) -> bool:
    """Whether a refusal speaks of a part of the request, named or not."""
    return _FORM.search(words) is not None or any(names(words, part) for part in _WORDS)


def is_about_length(words: str) -> bool:
    """Whether a refusal seems to say that the prompt is too long."""
    return _TOO_LONG.search(words) is not None


def numbers(words: str) -> set[float]:
    """Every number that a text may mean, in any script's digits.

    A comma or a point may separate thousands or decimals, or two numbers: "2.048" may mean 2.048
    or 2048, and "[0,1]" the numbers 0 and 1.
    """
    found: set[float] = set()
    for match in _NUMBER.finditer(words):
        parts = re.split(r"\D", "".join(map(_digit, match[0])))
        found |= {float(part) for part in parts}
        if len(parts) == 2:
            found.add(float(".".join(parts)))
        if all(len(part) == 3 for part in parts[1:]):
            found.add(float("".join(parts)))
    return found


def likeness(words: str) -> str:
    """The words of a refusal without numbers and identifiers, to tell two refusals apart."""
    return " ".join(word for word in words.casefold().split() if not re.search(r"\d", word))


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)
