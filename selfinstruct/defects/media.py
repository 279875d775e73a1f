"""Tasks about things to be seen or drawn."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Field, Finding, found

_THING = r"(?:images?|pictures?|photos?|photographs?|drawings?|paintings?|illustrations?|sketch(?:es)?|diagrams?|flow ?charts?|logos?|posters?|infographics?|cartoons?|comic(?: strip)?s?|graphs?|bar charts?|pie charts?|charts?|screenshots?|memes?|animations?|gifs?|videos?|doodles?|portraits?|visuali[sz]ations?|mind ?maps?|collages?|icons?|audio clips?|maps?|t-?shirt designs?|scatter ?plots?|histograms?|line graphs?|selfies?|wallpapers?|storyboards?)"
_VISUAL = (
    "image pict photo draw paint illustrat sketch diagram chart logo poster graphic cartoon comic graph screenshot meme anim gif video"
    " doodle portrait visual mind collage icon audio map shirt plot histogram selfie wallpaper storyboard".split()
)
_MAKE = re.compile(
    r"^\W*(?:please )?(?:plot|graph) the (?:function|equation|line|data|graph|curve|points)\b"
    rf"|^\W*(?:please |can you |could you |now )?(?:draw|sketch|paint|doodle|illustrate|photograph)\b(?! (?:a |an |any |some |the |your |up |out )?(?:conclusion|comparison|parallel|analog|attention|inspiration|lesson|distinction|inference|connection|insight|lots?\b|contrast|will\b|contract|plan\b|line between|from\b|on\b|upon\b|vivid|word picture|picture (?:in|with) words))"
    rf"|\b(?:create|generate|make|design|produce|render|build|develop|prepare|edit|crop|resize|plot|construct|insert|attach|upload|take|send|provide|share|search for)\b (?:(?:a|an|the|me|us|some|one|two|three|any|this|following|given|\d+) )*(?:[\w-]+ ){{0,3}}?{_THING}\b"
    rf"|\b(?:find|show|take)(?: me)? (?:an?|some|the|two|three) (?:\w+ )?{_THING}\b"
    r"|^\W*(?:please )?(?:design|create) (?:a|an) (?:[\w-]+ )?(?:t-?shirt|tattoo|banner|book cover|album cover|mascot|flag)\b",
    re.I,
)
_LOOK = re.compile(
    rf"\b(?:this|the (?:following|given|attached|above|provided|displayed|shown)|the|these|attached|given|following)\s(?:[\w-]+ ){{0,2}}?{_THING}\b(?: (?:below|above|shown|provided|given|attached|here))?(?! (?:of (?:y\b|f\b|\w ?=|the (?:function|economy|equation))|[\"\u201c\u2018\u300a]|quality|games?\b|book|editor|frame|theory|studio))(?! (?-i:[A-Z][a-z]+))",
    re.I,
)
_NO_LOOK = re.compile(
    r"\W*(?:who (?:drew|painted|took|wrote|made)|explain (?:why|how|what)|why|translate|correct|rewrite|classify the sentence)\b",
    re.I,
)
_LOOKING = re.compile(
    r"\b(?:describe|look|what|who|which|identify|caption|count|analy[sz]e|interpret|examine|observe|explain|how many|name|see|shown|depict|depicted|recogni[sz]e|detect|classify|summari[sz]e|write|based on|label|read|transcribe|tell)\b",
    re.I,
)
_IN_TEXT = re.compile(
    r"\b(?:html|css|svg|ascii|code|python|javascript|matplotlib|function|program|script|command|latex|tikz|mermaid|graphviz|dot\b|prompt|alt[- ]text|caption for|description of|describe (?:how|the process)|steps|tips|ideas?|slogan|name|title|words|essay|story|poem|article|explain how|history|storyboard text"
    r"|(?:character|comedy|biographical) sketch|photo (?:edit|session|shoot)|vert(?:ex|ices)|most famous|best[- ]known|importance|role of|concept|(?<!floor )plan\b|guide|instructions? (?:for|on)|tutorial|checklist|list of|brief for|proposal|knowledge graph|graph (?:theory|database)|topic|hypothetical|imagin|unicode|emoji|sql|copyright|algorithm|dataset|library|mental|big picture|hashtags?|script|difference|benefits?|pros|adjectives|synonym|regex|sentence|strategy|shot list|budget|\bas (?:a |an )?(?:\w+ )?(?:list|text|table|outline)\b|how to|ways|advantages|compare|define|meaning|question|road ?map|site ?map)\b",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"[\[(<{](?:insert |see |attached )?(?:an? |the )?(?:image|picture|photo|photograph|graph|chart|diagram|video|audio|screenshot|img|figure)\b[^\])>}\n]{0,80}[\])>}]|!\[[^\]]*\]\([^)]+\)|\.(?:jpe?g|png|gif|bmp|webp|mp4|mp3|wav|avi)\b"
    r"|[\[\uff08\u3010(](?:\u63d2\u5165)?(?:\u56fe\u7247|\u56fe\u50cf|\u7167\u7247|\u89c6\u9891)[^\]\uff09\u3011)]{0,20}[\]\uff09\u3011)]|^(?:an? |the )?(?:image|picture|photo|photograph|painting|screenshot)\b(?: (?:of|showing|shows|with|depicting|is shown)\b.{0,60})?\.?$",
    re.I,
)
_OTHERS = re.compile(
    r"(?:\u753b|\u7ed8\u5236|\u7ed8)(?:\u4e00|\u51fa|\u4e2a|\u5f20|\u5e45|\u526f)|(?:\u751f\u6210|\u521b\u5efa|\u5236\u4f5c|\u8bbe\u8ba1)\u4e00?(?:\u5f20|\u5e45|\u4e2a|\u526f).{0,12}(?:\u56fe\u7247|\u56fe\u50cf|\u63d2\u56fe|\u6d77\u62a5|\u6807\u5fd7|\u56fe\u8868|\u6f2b\u753b)|(?:\u8fd9\u5f20|\u4e0b\u9762\u7684|\u4ee5\u4e0b|\u8fd9\u5e45|\u4e0b)(?:\u56fe|\u7167\u7247|\u56fe\u7247|\u56fe\u50cf|\u753b)"
    r"|\b(?:dibuja|dibuje|pinta un|dessine|dessinez|zeichne|zeichnen sie|disegna|desenhe)\b|\b(?:esta|siguiente|cette|dieses?|questa|esta) (?:imagen|foto|image|photo|bild|immagine|imagem)\b|描述(?:这张|该|一下)?图片|给我看.{0,8}(?:照片|图片)|(?:写真|画像|絵)を(?:見せ|生成|作)|絵を描|\b(?:beschreibe?|zeig(?:e|en)?)(?: mir| uns)? (?:das|ein|den|die|eine|dieses) (?:bild|foto|zeichnung|grafik|diagramm)|\b(?:describe|mu\u00e9stra(?:me)?|ense\u00f1a(?:me)?) (?:la|una|esta) (?:foto|imagen)\b|\b(?:d\u00e9cris|montre)(?:-moi)? (?:l['\u2019]|une |la |cette )(?:image|photo)|(?:イラスト|ロゴ|ポスター)を(?:描|作)|(?:この|次の)(?:画像|写真|絵)|(?:画像|写真)に(?:何|写)|(?:crea|cr\u00e9e|erstelle|genera) (?:una?|une|eine?) (?:imagen|image|bild|immagine|logo\w*|cartel|affiche|poster|plakat)",
    re.I,
)
_ASKS = re.compile(r"\W*(?:how|what|why|who|which|when|where|is|are|do|does|should)\b", re.I)
_PLOTTED = re.compile(r"(?:plot|graph) the function", re.I)
_VERBS_OF_OTHERS = (
    "bes",
    "mue",
    "ens",
    "mon",
    "dec",
    "dib",
    "pin",
    "des",
    "zei",
    "dis",
    "cre",
    "ers",
    "gen",
)  # with which a request in plain letters begins
_IN_TEXT_OF_OTHERS = re.compile(
    "如何|怎么|怎样|用文字|步骤|谁|\u4ee3\u7801|\u7a0b\u5e8f|c\u00f3digo|code|\u7ed3\u8bba|\u63cf\u8ff0\u6587\u5b57"
)
_HAN = re.compile("[\u3400-\u9fff]")
_LOOKED_AT = re.compile("\u8fd9|\u4e0b|\u4ee5\u4e0b")
_TABLE = re.compile(r"\|\s?-{2,}")
_FILES_ARE_NAMES = re.compile(
    r"file|html|code|python|script|extension|markdown|command|rename|path|function|alt|regex|format|url|sort",
    re.I,
)


def image_request(row: Checked) -> Finding | None:
    """Something is to be looked at, or drawn, and text cannot do it."""
    text = row.instruction
    lowered = text.lower()
    if any(word in lowered for word in _VISUAL) and not _IN_TEXT.search(_PLOTTED.sub(" ", text)):
        match = None if _ASKS.match(text) else _MAKE.search(text)
        if (
            match is None
            and _LOOKING.search(text)
            and len(row.input.split()) < 12
            and not _NO_LOOK.match(text)
        ):
            match = _LOOK.search(text)
        if match and not (
            "chart" in match.group().lower() and _TABLE.search(row.output)
        ):  # which shows the same
            return found("image_request", "instruction", match.group())
    if (
        match := None
        if text.isascii() and lowered[:3] not in _VERBS_OF_OTHERS
        else _OTHERS.search(text)
    ):
        is_in_input = (
            len(_HAN.findall(row.input)) > 6
            and not _PLACEHOLDER.search(row.input)
            and _LOOKED_AT.match(match.group())
        )
        if is_in_input or _IN_TEXT_OF_OTHERS.search(text):
            return None
        return found("image_request", "instruction", match.group())
    fields: tuple[tuple[Field, str], ...] = (("input", row.input), ("output", row.output))
    for field, words in fields:
        if (
            len(words) < 300
            and ("." in words or "[" in words or field == "input")
            and (match := _PLACEHOLDER.search(words))
            and not _FILES_ARE_NAMES.search(text)
            and (field == "input" or "[" in match.group())
        ):
            return found("image_request", field, match.group())
    return None
