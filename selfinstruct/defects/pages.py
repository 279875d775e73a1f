"""Tasks about web pages that the model has not read, and addresses that the model made up."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import HAN_OR_KANA

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]\u3000-\u303f\uff00-\uffef]+", re.I)
_DOMAIN = re.compile(r"^\W{0,9}(?:[\w-]+\.)+(?:com|org|net|co\.uk|io|edu|gov)(?:/\S*)?\W*$", re.I)
_READ = re.compile(
    r"summar|article|web ?page|website|web ?site|blog|post\b|read|link|visit|review|content"
    r"|main (?:idea|point|argument|topic|theme)|key (?:point|takeaway|fact|idea)|analy[sz]|evaluat"
    r"|rewrite|paraphrase"
    r"|headline|title|author|publish|describe|find|what (?:is|does|are|did)|who|tone|sentiment|fact"
    r"|quote|opinion|video|news|story|recipe|product|research|extract|list|information|paper"
    r"|translate|report|critique|compare|classify|categori|identify|rate|suggest|improve|answer"
    r"|tell|when|how|give|provide|write|generate|outline|question|explain"
    r"|要約|記事|読|阅读|观点|\u6587\u7ae0|\u7f51\u9875|\u7f51\u7ad9|\u603b\u7ed3|\u6458\u8981"
    r"|\u94fe\u63a5|art\u00edculo|p\u00e1gina|resum|zusammen|artikel|seite|r\u00e9sum|analys",
    re.I,
)
_ADDRESS_ITSELF = re.compile(
    r"\burls?\b|domain|hyperlink|\bhref|anchor|markdown|html|protocol|query (?:string|parameter)"
    r"|valid|pars|shorten|encod|decod|regex|regular expression|code|script|python|function|curl"
    r"|wget|scrap|download|citation|cite|reference|bibliograph|apa\b|mla\b|bibtex|secure|phishing"
    r"|email|e-mail|poster|flyer|signature|advert|press release|invitation|spelling|grammar"
    r"|punctuat|typo|tweet|business card|file name|extension|subdomain|hostname|port\b|path\b"
    r"|redirect|address|api\b|request|endpoint|configur|(?:site|domain) name|easy to remember"
    r"|\bgit\b|\bdns\b|\blinks?\b (?:from|in)|broken link|all links|utm"
    r"|which (?:site|website|company)|behind this|sell|dominio|\u57df\u540d",
    re.I,
)
_LINK_WANTED = re.compile(
    r"\b(?:find|provide|give|share|suggest|recommend|include|send|list|show|locate|search|cite"
    r"|name)\b.{0,50}\b(?:links?|urls?|articles?|sources?|web ?sites?|videos?|references?"
    r"|web ?pages?|resources?|podcasts?|tutorials?|stud(?:y|ies)|papers?|recipes?|images?"
    r"|pictures?|photos?)\b|\u94fe\u63a5|\u7f51\u5740|\u6587\u7ae0",
    re.I,
)
_RESERVED = re.compile(
    r"(?:https?://|www\.)?(?:[\w-]+\.)*(?:example(?:\.\w+)*|test|invalid|localhost)(?![\w.-])", re.I
)  # RFC 2606
_DEEP = re.compile(
    r"(?:https?://|www\.)(?!(?:www\.)?example\.)[^\s/<>\"')]{1,100}/[^\s<>\"')]{6,}", re.I
)
_REFERENCES_ARE_FORM = re.compile(
    r"html|markdown|code|json|xml|script|python|citation|bibliograph|citing"
    r"|how (?:do|to|can|should).*\bcite\b|写一个网址|\bapa\b|\bmla\b|regex|request|config",
    re.I,
)


def invented_url(row: Checked) -> Finding | None:
    """A task on a page of which only the address is given, or an invented address in the output."""
    task = _URL.sub(" ", row.instruction)
    address = _address(row)
    if address:
        if _READ.search(task) and not _ADDRESS_ITSELF.search(task):
            return found(
                "invented_url", "input" if address in row.input else "instruction", address
            )
        return None
    if "://" in row.output or "www." in row.output:
        deep = _DEEP.search(row.output)
        if (
            deep
            and not _RESERVED.match(deep.group())
            and _LINK_WANTED.search(task)
            and not _REFERENCES_ARE_FORM.search(task)
        ):
            return found("invented_url", "output", deep.group())
    return None


def _address(row: Checked) -> str:
    """The address that an example gives in the place of a text.

    "" where a text stands beside the address, or where the address is reserved for examples.
    """
    given = f"{row.instruction}\n{row.input}"
    match = _URL.search(given) if "://" in given or "www." in given.lower() else None
    address = (
        match.group()
        if match
        else row.input.strip()
        if len(row.input) < 200 and _DOMAIN.match(row.input)
        else ""
    )
    beside = _URL.sub(" ", row.input)
    is_beside = len(beside.split()) > 4 or len(HAN_OR_KANA.findall(beside)) > 12
    is_address = re.search(r"\w\.\w", address) and not _RESERVED.match(address)
    return address if is_address and not is_beside else ""
