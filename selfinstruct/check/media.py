"""Tasks about web pages that nobody read and about things to be seen or drawn."""

from __future__ import annotations

import re

from selfinstruct.check.finding import Checked, Finding, found

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]\u3000-\u303f\uff00-\uffef]+", re.I)
_DOMAIN = re.compile(r"^\W*(?:[\w-]+\.)+(?:com|org|net|co\.uk|io|edu|gov)(?:/\S*)?\W*$", re.I)
_READ = re.compile(
    r"summar|article|web ?page|website|web ?site|blog|post\b|read|link|visit|review|content|main (?:idea|point|argument|topic|theme)|key (?:point|takeaway|fact|idea)|analy[sz]|evaluat|rewrite|paraphrase"
    r"|headline|title|author|publish|describe|find|what (?:is|does|are|did)|who|tone|sentiment|fact|quote|opinion|video|news|story|recipe|product|research|extract|list|information|paper|translate|report|critique|compare|classify|categori|identify|rate|suggest|improve|answer|tell|when|how|give|provide|write|generate|outline|question|explain"
    r"|\u6587\u7ae0|\u7f51\u9875|\u7f51\u7ad9|\u603b\u7ed3|\u6458\u8981|\u94fe\u63a5|art\u00edculo|p\u00e1gina|resum|zusammen|artikel|seite|r\u00e9sum|analys",
    re.I,
)
_ADDRESS_ITSELF = re.compile(
    r"\burls?\b|domain|hyperlink|\bhref|anchor|markdown|html|protocol|query (?:string|parameter)|valid|pars|shorten|encod|decod|regex|regular expression|code|script|python|function|curl|wget|scrap|download|citation|cite|reference|bibliograph|apa\b|mla\b|bibtex|secure|phishing|email|e-mail|poster|flyer|signature|advert|press release|invitation|spelling|grammar|punctuat|typo|tweet|business card|file name|extension|subdomain|hostname|port\b|path\b|redirect|address|api\b|request|endpoint|configur|dominio|\u57df\u540d",
    re.I,
)
_LINK_WANTED = re.compile(
    r"\b(?:find|provide|give|share|suggest|recommend|include|send|list|show|locate|search|cite|name)\b.{0,50}\b(?:links?|urls?|articles?|sources?|web ?sites?|videos?|references?|web ?pages?|resources?|podcasts?|tutorials?|stud(?:y|ies)|papers?|recipes?|images?|pictures?|photos?)\b|\u94fe\u63a5|\u7f51\u5740|\u6587\u7ae0",
    re.I,
)
_DEEP = re.compile(r"(?:https?://|www\.)(?!(?:www\.)?example\.)[^\s/<>\"')]+/[^\s<>\"')]{6,}", re.I)
_REFERENCES_ARE_FORM = re.compile(
    r"html|markdown|code|json|xml|script|python|citation|bibliograph|citing|\bapa\b|\bmla\b|regex|request|config", re.I
)


def invented_url(row: Checked) -> Finding | None:
    """A page is to be read and only its address is given; or the output has addresses that nobody gave."""
    task = _URL.sub(" ", row.instruction)
    given = f"{row.instruction}\n{row.input}"
    match = _URL.search(given) if "://" in given or "www." in given.lower() else None
    address = match.group() if match else row.input.strip() if _DOMAIN.match(row.input) else ""
    if address:
        beside = _URL.sub(" ", row.input).split()
        if len(beside) <= 12 and _READ.search(task) and not _ADDRESS_ITSELF.search(task):
            return found("invented_url", "input" if address in row.input else "instruction", address)
        return None
    if "://" in row.output or "www." in row.output:
        deep = _DEEP.search(row.output)
        if deep and _LINK_WANTED.search(task) and not _REFERENCES_ARE_FORM.search(task):
            return found("invented_url", "output", deep.group())
    return None


_THING = r"(?:images?|pictures?|photos?|photographs?|drawings?|paintings?|illustrations?|sketch(?:es)?|diagrams?|flow ?charts?|logos?|posters?|infographics?|cartoons?|comic(?: strip)?s?|graphs?|bar charts?|pie charts?|charts?|screenshots?|memes?|animations?|gifs?|videos?|doodles?|portraits?|visuali[sz]ations?|mind ?maps?|collages?|icons?|audio clips?|maps?|t-?shirt designs?|scatter ?plots?|histograms?|line graphs?|selfies?|wallpapers?|storyboards?)"
_VISUAL = (
    "image pict photo draw paint illustrat sketch diagram chart logo poster graphic cartoon comic graph screenshot meme anim gif video"
    " doodle portrait visual mind collage icon audio map shirt plot histogram selfie wallpaper storyboard".split()
)
_MAKE = re.compile(
    rf"^\W*(?:please |can you |could you |now )?(?:draw|sketch|paint|doodle|illustrate|photograph)\b(?! (?:a |an |any |some |the |your |up |out )?(?:conclusion|comparison|parallel|analog|attention|inspiration|lesson|distinction|inference|connection|insight|lots?\b|contrast|will\b|contract|plan\b|line between|from\b|on\b|upon\b|vivid|word picture|picture (?:in|with) words))"
    rf"|\b(?:create|generate|make|design|produce|render|build|develop|prepare|edit|crop|resize|plot|construct|insert|attach|upload|take|find|show(?: me)?|send|provide|share|search for)\b (?:(?:a|an|the|me|us|some|one|two|three|any|this|following|given|\d+) )*(?:[\w-]+ ){{0,3}}?{_THING}\b",
    re.I,
)
_LOOK = re.compile(
    rf"\b(?:this|the (?:following|given|attached|above|provided|displayed|shown)|the|these|attached|given|following)\s(?:[\w-]+ ){{0,2}}?{_THING}\b(?: (?:below|above|shown|provided|given|attached|here))?",
    re.I,
)
_LOOKING = re.compile(
    r"\b(?:describe|look|what|who|which|identify|caption|count|analy[sz]e|interpret|examine|observe|explain|how many|name|see|shown|depict|depicted|recogni[sz]e|detect|classify|summari[sz]e|write|based on|label|read|transcribe|tell)\b",
    re.I,
)
_IN_TEXT = re.compile(
    r"\b(?:html|css|svg|ascii|code|python|javascript|matplotlib|function|program|script|command|latex|tikz|mermaid|graphviz|dot\b|prompt|alt[- ]text|caption for|description of|describe (?:how|the process)|steps|tips|ideas?|slogan|name|title|words|essay|story|poem|article|explain how|history|storyboard text"
    r"|importance|role of|concept|plan\b|guide|instructions? (?:for|on)|tutorial|checklist|list of|brief for|proposal|knowledge graph|graph (?:theory|database)|topic|hypothetical|imagin|unicode|emoji|sql|copyright|algorithm|dataset|library|mental|big picture|hashtags?|script|difference|benefits?|pros|adjectives|synonym|regex|sentence|strategy|shot list|budget|how to|ways|advantages|compare|define|meaning|question|road ?map|site ?map)\b",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"[\[(<{](?:insert |see |attached )?(?:an? |the )?(?:image|picture|photo|photograph|graph|chart|diagram|video|audio|screenshot|img|figure)\b[^\])>}\n]{0,80}[\])>}]|!\[[^\]]*\]\([^)]+\)|\.(?:jpe?g|png|gif|bmp|webp|mp4|mp3|wav|avi)\b"
    r"|[\[\uff08\u3010(](?:\u63d2\u5165)?(?:\u56fe\u7247|\u56fe\u50cf|\u7167\u7247|\u89c6\u9891)[^\]\uff09\u3011)]{0,20}[\]\uff09\u3011)]|^(?:an? |the )?(?:image|picture|photo|photograph|painting|screenshot)\b(?: (?:of|showing|shows|with|depicting|is shown)\b.{0,60})?\.?$",
    re.I,
)
_OTHERS = re.compile(
    r"(?:\u753b|\u7ed8\u5236|\u7ed8)(?:\u4e00|\u51fa|\u4e2a|\u5f20|\u5e45|\u526f)|(?:\u751f\u6210|\u521b\u5efa|\u5236\u4f5c|\u8bbe\u8ba1)\u4e00?(?:\u5f20|\u5e45|\u4e2a|\u526f).{0,12}(?:\u56fe\u7247|\u56fe\u50cf|\u63d2\u56fe|\u6d77\u62a5|\u6807\u5fd7|\u56fe\u8868|\u6f2b\u753b)|(?:\u8fd9\u5f20|\u4e0b\u9762\u7684|\u4ee5\u4e0b|\u8fd9\u5e45|\u4e0b)(?:\u56fe|\u7167\u7247|\u56fe\u7247|\u56fe\u50cf|\u753b)"
    r"|\b(?:dibuja|dibuje|pinta un|dessine|dessinez|zeichne|zeichnen sie|disegna|desenhe)\b|\b(?:esta|siguiente|cette|dieses?|questa|esta) (?:imagen|foto|image|photo|bild|immagine|imagem)\b|(?:crea|cr\u00e9e|erstelle|genera) (?:una?|une|ein) (?:imagen|image|bild|immagine|logo|cartel|affiche)",
    re.I,
)
_LATIN_VERBS = ("dib", "pin", "des", "zei", "dis", "cre", "ers", "gen")  # with which a request in plain letters begins
_FILES_ARE_NAMES = re.compile(
    r"file|html|code|python|script|extension|markdown|command|rename|path|function|alt|regex|format|url|sort", re.I
)


def image_request(row: Checked) -> Finding | None:
    """Something is to be looked at, or drawn, and text cannot do it."""
    text = row.instruction
    lowered = text.lower()
    if any(word in lowered for word in _VISUAL) and not _IN_TEXT.search(text):
        match = _MAKE.search(text)
        if match is None and _LOOKING.search(text) and len(row.input.split()) < 12:
            match = _LOOK.search(text)
        if match:
            return found("image_request", "instruction", match.group())
    if match := None if text.isascii() and lowered[:3] not in _LATIN_VERBS else _OTHERS.search(text):
        return (
            found("image_request", "instruction", match.group())
            if not re.search("\u4ee3\u7801|\u7a0b\u5e8f|c\u00f3digo|code|\u7ed3\u8bba|\u63cf\u8ff0\u6587\u5b57", text)
            else None
        )
    for field, words in (("input", row.input), ("output", row.output)):
        if (
            len(words) < 300
            and ("." in words or "[" in words or field == "input")
            and (match := _PLACEHOLDER.search(words))
            and not _FILES_ARE_NAMES.search(text)
            and (field == "input" or "[" in match.group())
        ):
            return found("image_request", "input" if field == "input" else "output", match.group())
    return None
