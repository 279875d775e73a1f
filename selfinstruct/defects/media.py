"""Tasks about images, sounds and other media, which a text model cannot read or make."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, fields_of, found
from selfinstruct.defects.words import has_any
from selfinstruct.text import late

_THING = (
    r"(?:images?|pictures?|photos?|photographs?|drawings?|paintings?|illustrations?|sketch(?:es)?"
    r"|diagrams?|flow ?charts?|logos?|posters?|infographics?|cartoons?|comic(?: strip)?s?|graphs?"
    r"|bar charts?|pie charts?|charts?|screenshots?|memes?|animations?|gifs?|videos?|doodles?"
    r"|portraits?|visuali[sz]ations?|mind ?maps?|collages?|icons?|audio clips?|maps?"
    r"|t-?shirt designs?|scatter ?plots?|histograms?|line graphs?|selfies?|wallpapers?"
    r"|storyboards?)"
)
_VISUAL = (
    "image pict photo draw paint illustrat sketch diagram chart logo poster graphic cartoon comic"
    " graph screenshot meme anim gif video"
    " doodle portrait visual mind collage icon audio map shirt plot histogram selfie wallpaper"
    " storyboard"
).split()
_MAKE = late(
    r"^\W*(?:please )?(?:plot|graph) the (?:function|equation|line|data|graph|curve|points)\b"
    rf"|^\W*(?:please |can you |could you |now )?(?:draw|sketch|paint|doodle|illustrate"
    rf"|photograph)\b(?! (?:a |an |any |some |the |your |up |out )?(?:conclusion|comparison"
    rf"|parallel|analog|attention|inspiration|lesson|distinction|inference|connection|insight"
    rf"|lots?\b|contrast|will\b|contract|plan\b|line between|from\b|on\b|upon\b|vivid|word picture"
    rf"|picture (?:in|with) words))"
    rf"|\b(?:create|generate|make|design|produce|render|build|develop|prepare|edit|crop|resize|plot"
    rf"|construct|insert|attach|upload|take|send|provide|share"
    rf"|search for)\b (?:(?:a|an|the|me|us|some|one|two|three|any|this|following|given|\d+) )*"
    rf"(?:[\w-]+ ){{0,3}}?{_THING}\b"
    rf"|\b(?:find|show|take)(?: me)? (?:an?|some|the|two|three) (?:\w+ )?{_THING}\b"
    r"|^\W*(?:please )?(?:design|create) (?:a|an) (?:[\w-]+ )?(?:t-?shirt|tattoo|banner|book cover"
    r"|album cover|mascot|flag)\b",
    re.I,
)
_LOOK = late(
    rf"\b(?:this|the (?:following|given|attached|above|provided|displayed|shown)|the|these"
    rf"|attached|given|following)\s(?:[\w-]+ ){{0,2}}?{_THING}\b"
    rf"(?: (?:below|above|shown|provided|given|attached|here))?"
    rf"(?! (?:of (?:y\b|f\b|\w ?=|the (?:function|economy|equation))|[\"\u201c\u2018\u300a]"
    rf"|quality|games?\b|book|editor|frame|theory|studio))(?! (?-i:[A-Z][a-z]+))",
    re.I,
)
_NO_LOOK = late(
    r"\W*(?:who (?:drew|painted|took|wrote|made)|explain (?:why|how|what)|why|translate|correct"
    r"|rewrite|classify the sentence)\b",
    re.I,
)
_LOOKING = late(
    r"\b(?:describe|look|what|who|which|identify|caption|count|analy[sz]e|interpret|examine"
    r"|observe|explain|how many|name|see|shown|depict|depicted|recogni[sz]e|detect|classify"
    r"|summari[sz]e|write|based on|label|read|transcribe|tell)\b",
    re.I,
)
_IN_TEXT = late(
    r"\b(?:html|css|svg|ascii|code|python|javascript|matplotlib|function|program|script|command"
    r"|latex|tikz|mermaid|graphviz|dot\b|prompt|alt[- ]text|caption for|description of"
    r"|describe (?:how|the process)|steps|tips|ideas?|slogan|name|title|words|essay|story|poem"
    r"|article|explain how|history|storyboard text"
    r"|(?:character|comedy|biographical) sketch|photo (?:edit|session|shoot)|vert(?:ex|ices)"
    r"|most famous|best[- ]known|importance|role of|concept|(?<!floor )plan\b|guide"
    r"|instructions? (?:for|on)|tutorial|checklist|list of|brief for|proposal|knowledge graph"
    r"|graph (?:theory|database)|topic|hypothetical|imagin|unicode|emoji|sql|copyright|algorithm"
    r"|dataset|library|mental|big picture|hashtags?|script|difference|benefits?|pros|adjectives"
    r"|synonym|regex|sentence|strategy|shot list|budget"
    r"|\bas (?:a |an )?(?:\w+ )?(?:list|text|table|outline)\b|how to|ways|advantages|compare"
    r"|define|meaning|question|road ?map|site ?map)\b",
    re.I,
)
_PLACEHOLDER = late(
    r"[\[(<{](?:insert |see |attached )?(?:an? |the )?(?:image|picture|photo|photograph|graph|chart"
    r"|diagram|video|audio|screenshot|img|figure)\b[^\])>}\n]{0,80}[\])>}]|!\[[^\]]*\]\([^)]+\)"
    r"|\.(?:jpe?g|png|gif|bmp|webp|mp4|mp3|wav|avi)\b"
    r"|[\[\uff08\u3010(](?:\u63d2\u5165)?(?:\u56fe\u7247|\u56fe\u50cf|\u7167\u7247"
    r"|\u89c6\u9891)[^\]\uff09\u3011)]{0,20}[\]\uff09\u3011)]"
    r"|^(?:an? |the )?(?:image|picture|photo|photograph|painting"
    r"|screenshot)\b(?: (?:of|showing|shows|with|depicting|is shown)\b.{0,60})?\.?$",
    re.I,
)
_OTHERS = late(
    r"(?:\u753b|\u7ed8\u5236|\u7ed8)(?:\u4e00|\u51fa|\u4e2a|\u5f20|\u5e45|\u526f)"
    r"|(?:\u751f\u6210|\u521b\u5efa|\u5236\u4f5c|\u8bbe\u8ba1)\u4e00?(?:\u5f20|\u5e45|\u4e2a"
    r"|\u526f).{0,12}(?:\u56fe\u7247|\u56fe\u50cf|\u63d2\u56fe|\u6d77\u62a5|\u6807\u5fd7"
    r"|\u56fe\u8868|\u6f2b\u753b)|(?:\u8fd9\u5f20|\u4e0b\u9762\u7684|\u4ee5\u4e0b|\u8fd9\u5e45"
    r"|\u4e0b)(?:\u56fe|\u7167\u7247|\u56fe\u7247|\u56fe\u50cf|\u753b)"
    r"|\b(?:dibuja|dibuje|pinta un|dessine|dessinez|zeichne|zeichnen sie|disegna|desenhe)\b"
    r"|\b(?:esta|siguiente|cette|dieses?|questa|esta) (?:imagen|foto|image|photo|bild|immagine"
    r"|imagem)\b|描述(?:这张|该|一下)?图片|给我看.{0,8}(?:照片|图片)"
    r"|(?:写真|画像|絵)を(?:見せ|生成|作)|絵を描|\b(?:beschreibe?|zeig(?:e|en)?)(?: mir"
    r"| uns)? (?:das|ein|den|die|eine|dieses) (?:bild|foto|zeichnung|grafik|diagramm)"
    r"|\b(?:describe|mu\u00e9stra(?:me)?|ense\u00f1a(?:me)?) (?:la|una|esta) (?:foto|imagen)\b"
    r"|\b(?:d\u00e9cris|montre)(?:-moi)? (?:l['\u2019]|une |la |cette )(?:image|photo)"
    r"|(?:イラスト|ロゴ|ポスター)を(?:描|作)|(?:この|次の)(?:画像|写真|絵)"
    r"|(?:画像|写真)に(?:何|写)|(?:crea|cr\u00e9e|erstelle|genera) (?:una?|une|eine?) (?:imagen"
    r"|image|bild|immagine|logo\w*|cartel|affiche|poster|plakat)",
    re.I,
)
_ASKS = late(r"\W*(?:how|what|why|who|which|when|where|is|are|do|does|should)\b", re.I)
_PLOTTED = late(r"(?:plot|graph) the function", re.I)
# The first letters of a request in another language whose letters are all ASCII.
_VERBS_OF_OTHERS = tuple("bes mue ens mon dec dib pin des zei dis cre ers gen".split())
_IN_TEXT_OF_OTHERS = late(
    "如何|怎么|怎样|用文字|步骤|谁|\u4ee3\u7801|\u7a0b\u5e8f|c\u00f3digo|code|\u7ed3\u8bba"
    "|\u63cf\u8ff0\u6587\u5b57"
)
_HAN = late("[\u3400-\u9fff]")
_LOOKED_AT = late("\u8fd9|\u4e0b|\u4ee5\u4e0b")
_TABLE = late(r"\|\s?-{2,}")
# A sum in words: the pictures in the text are only counted.
_ASKS_A_NUMBER = late(
    r"\d.*(?:how (?:many|much|long|far|old|big|tall)|what (?:is|was|will be|percent\w*|fraction)|in total|calculate|find)\b"
    r"|how (?:many|much)\b.*\d",
    re.I | re.S,
)
_FILES_ARE_NAMES = late(
    r"file|html|code|python|script|extension|markdown|command|rename|path|function|alt|regex"
    r"|format|url|sort",
    re.I,
)


def image_request(row: Checked) -> Finding | None:
    """A task that needs a medium other than text, or a file's name in the place of a medium."""
    if match := _asked_in_english(row):
        return found("image_request", "instruction", match.group())
    text = row.instruction
    is_english = text.isascii() and text.lower()[:3] not in _VERBS_OF_OTHERS
    if match := None if is_english else _OTHERS.search(text):
        if _is_described(row, match) or _IN_TEXT_OF_OTHERS.search(text):
            return None
        return found("image_request", "instruction", match.group())
    return _placeholder(row)


def _asked_in_english(row: Checked) -> re.Match[str] | None:
    """The words of an English instruction that ask to make a medium or look at a given medium."""
    text = row.instruction
    lowered = text.lower()
    if not has_any(lowered, _VISUAL) or _IN_TEXT.search(_PLOTTED.sub(" ", text)):
        return None
    if _ASKS_A_NUMBER.search(text):
        return None
    match = None if _ASKS.match(text) else _MAKE.search(text)
    if (
        match is None
        and _LOOKING.search(text)
        and len(row.input.split()) < 12
        and not _NO_LOOK.match(text)
    ):
        match = _LOOK.search(text)
    # a table shows the same as a chart
    is_table = match and "chart" in match.group().lower() and _TABLE.search(row.output)
    return None if is_table else match


def _is_described(row: Checked, match: re.Match[str]) -> bool:
    """Whether a Chinese input describes the image that the instruction speaks of."""
    return (
        len(_HAN.findall(row.input)) > 6
        and not _PLACEHOLDER.search(row.input)
        and _LOOKED_AT.match(match.group()) is not None
    )


def _placeholder(row: Checked) -> Finding | None:
    """A file's name or a mark like "[image]" that stands in the place of a medium."""
    for field, text in fields_of(row)[1:]:
        if (
            len(text) < 300
            and ("[" in text or field == "input")
            and (match := _PLACEHOLDER.search(text))
            and not _FILES_ARE_NAMES.search(row.instruction)
            and (field == "input" or "[" in match.group())
        ):
            return found("image_request", field, match.group())
    return None
