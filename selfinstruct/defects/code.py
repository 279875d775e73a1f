"""Tasks that ask for code, or speak of given code, where no code stands."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import has_any
from selfinstruct.text import late

_SIGNS = late(
    r"```|^[ \t]*(?:def|class|import|from \w+ import|function|const|let|var|public|private|static|void"
    r"|int|float|char|using|package|func|fn"
    r"|#include|#!|<\?php|SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|BEGIN|return|elif"
    r"|else:|try:|while|for)\b.*[\w(){};:=<>\"'*,]"
    r"|=>|\w\([^()\s]{0,60}\)|\w\[\w{1,40}\]|</?[a-z][a-z0-9]*(?: [^<>]*)?>|[{};]\s*$"
    r"|^[ \t]*[\w.\[\]\"']+ ?(?:[-+*/]?=|:=|<-) ?\S|[=!<>]=|&&|\|\||::|->"
    r"|\bSELECT\b.+\bFROM\b|\$\w+|\bprint\b ?[(\"']|\bconsole\.|\bSystem\.|^[ \t]*[.#]?[\w-]+\s*\{"
    r"|\\[dwsb][+*]?|\[[a-zA-Z0-9]-[a-zA-Z0-9]|\(\?[:=!]|\^\S"
    r"|^(?:\$|sudo|git|docker|grep|find|ls|cd|echo|chmod|curl|awk|sed|ssh|npm|pip|tar|mv|cp|rm"
    r"|mkdir|kubectl) ?\S"
    r"|^=?[A-Z]{2,}\([^)]*\)|\b[a-z]+_[a-z]+\b|\b[a-z]+[A-Z]\w+\(",
    re.M,
)
_LANGUAGE = (
    r"(?:python|java|javascript|js|typescript|c\+\+|c#|c|ruby|go|rust|php|swift|kotlin|r|perl"
    r"|bash|shell|sql|matlab|html|css|scala|haskell|vba|powershell|react|django|flask"
    r"|node(?:\.js)?)"
)
_WANTED = late(
    rf"^\W*(?:please |can you |could you )?(?:write|create|generate|implement|develop|build|code"
    rf"|construct|design|provide|give me|produce|make|show|add|complete|compose)\b[^.?!\n]{{0,60}}?"
    rf"\b(?:{_LANGUAGE}\s(?:code|program|function|script|class|method|query|snippet|app|module|page"
    rf"|command|algorithm|loop|component|stylesheet|one-liner|statement|decorator|generator|form)"
    rf"|(?:code|source code|function|script|sql (?:query|statement|command)|regular expression|regex"
    rf"|code snippet|method|algorithm|program|query)\b in {_LANGUAGE}\b"
    r"|(?:code|source code|function|code snippet|program|sql query)\b "
    r"(?:that|which|to|for)\s[^.?!\n]{0,30}?\b(?:sort"
    r"|calculat|comput|revers|print|find|check|determin|return|convert|count|validat|match|select"
    r"|retriev|download|pars|read|generat|remov|merg|detect|add|multipl|swap|search|display|fetch"
    r"|delet|insert|scrap|implement|encrypt|handl|iterat|test|comput|takes?|list)\w*"
    r"|html (?:page|form|table|markup)|css (?:rule|style)|style ?sheet|sql query|unit tests?\b"
    r"|regular expression|regex|for loop|while loop|shell command|dockerfile)\b",
    re.I,
)
_CODE_WANTED_OTHERS = late(
    r"^(?!.*(?:故事|文章|伪代码|伪码|描述|句话|技巧|蛋糕|应用程序|调度|大纲|步骤|流程|测试用例|好处|解释|说明|工具|特征|[?\uff1f]))"
    r"\W*(?:请|给定.{2,20}\uff0c)?(?:编写|写)(?:一个|一段)?.{0,16}(?:函数|代码|程序(?!员)|SQL|正则|[Pp]ython 脚本)"
    r"|escrib[ea] (?:una funci\u00f3n|un (?:programa|script)|c\u00f3digo)"
    r"|schreib\w* (?:eine [\w-]*funktion|ein [\w-]*(?:programm|skript))"
    r"|(?:\u00e9cris|\u00e9crivez|\u00e9crire) (?:une fonction|un (?:programme|script))",
    re.I,
)
_CODE_WANTED_JAPANESE = late(r"(?:関数|プログラム|コード|スクリプト|クエリ)を(?:書|作|実装)")
_NOT_CODE = late(
    r"pseudo|explain|describ|in words|in plain|step(?:s|-by-step)|flow ?chart|outline|loyalty|recognition"
    r"|training program|exercise program|tv |television|radio|concert|workout|fitness|mentor"
    r"|curriculum|marketing"
    r"|summar|title|review|essay|poem|story|\bjoke|advice|ideas?\b|names? for|questions?\b|job "
    r"|interview|wellness|reward|education|school|diet|weight|welcome|dress code"
    r"|code of (?:conduct|ethics)|morse|zip code|promo|discount|coupon|referral|community"
    r"|volunteer|onboarding|manuscript|screenplay|movie|speech|prescription|transcript|cryptic"
    r"|qr code|color code|secret|penal|moral|building code",
    re.I,
)
_SPOKEN_OF = late(
    r"\b(?:following|given|this|below|the (?:provided|above)|attached"
    r"|these)\b (?:\w+[ -]){0,3}?(?:code(?! of)|snippet|function|program|script"
    r"|(?<!user )(?<!search )query|regex|method|algorithm implementation|loop|sql statement|html"
    r"|css|html snippet|class definition)\b"
    r"|\bcode (?:below|above|snippet below|provided|given)\b"
    r"|(?:以下|下面|这段|给定)的?.{0,8}(?:代码|函数|脚本|程序)"
    r"|(?:siguiente|este) (?:c\u00f3digo|script)|(?:folgende\w*|diese\w*) (?:\w+-)?(?:code|skript"
    r"|funktion)",
    re.I,
)
# Snippets of stories, codes of colours, queries of a search: no code of a program.
_NO_PROGRAM = late(
    r"(?:text|story|dialogue?|news|article|poem|conversation|lyrics?) snippet|snippet of (?:text|a)"
    r"|(?:rgb|hex\w*|colou?r|zip|postal|morse|bar|qr|country|area|genetic|dress|binary)\W? ?(?:colou?r )?code"
    r"|given an? |this method is|search query|(?:given|this) query, |dialogue|statement into|pseudo|word document"
    r"|to a html|postfix",
    re.I,
)
_TASK_ON_CODE = late(
    r"\b(?:fix|debug|find|explain|optimi[sz]e|refactor|rewrite|correct|identify|convert|translate"
    r"|what (?:does|is|will)|improve|add|edit|complete|review|analy[sz]e|document|modify|comment"
    r"|simplify|describe|determine|predict|update|locate|spot|write)\b|修复|调试|解释|优化|改写"
    r"|找出|修改|corrige|explica|erkl\u00e4r|korrigier|repair",
    re.I,
)
_ABOUT_CODE = (  # an instruction without any of these words needs no closer look
    "code snippet function program script query regex regular method algorithm loop sql html css"
    " class module command decorator dockerfile sheet unit"
    " python java ruby rust php swift kotlin perl bash shell matlab scala haskell vba react django"
    " flask node c++ c#"
    " funci c\u00f3digo funktion skript fonction 代码 函数 脚本 程序 查询 正则"
    " 関数 プログラム コード スクリプト クエリ"
).split()
_MARKS_OF_CODE = late(
    r"[\\{}\[\]|$^`~<>=&]|\w\([^)]|\(\)|^\W*#|--\w|;\s*$|:=|\w\.\w+\("
    r"|^[ \t]*(?:for \w+ in|if \w+ |while )\b|^[ \t]*(?:FROM|RUN|COPY|SELECT|import|from|def|print|printf|echo|git|rm|cd|return)\b|\w_\w"
    r"|\bprint\b|^[ \t]*(?:puts|echo|printf|say|disp|cat) |[\w)] [-+*/] \w+ ?[-+*/]",
    re.M,
)


def is_prose(text: str) -> bool:
    """Whether a text has no mark that occurs in code and not in sentences."""
    return _MARKS_OF_CODE.search(text) is None


def looks_like_code(text: str) -> bool:
    """Whether a text has a sign of code: a keyword in its place, a call, a tag, a shell command."""
    return _SIGNS.search(text) is not None


def missing_code(row: Checked) -> Finding | None:
    """Code that the output lacks, or that the instruction speaks of and does not give."""
    instruction = row.instruction
    lowered = instruction.lower()
    if not has_any(lowered, _ABOUT_CODE):
        return None
    if _SPOKEN_OF.search(instruction) and _TASK_ON_CODE.search(instruction):
        text = f"{_SPOKEN_OF.sub('', instruction)}\n{row.input}"
        is_made = re.match(
            r"\W*(?:write|create|generate|implement|develop|编写|写)\b", instruction, re.I
        )
        if not is_made and is_prose(text) and not _NO_PROGRAM.search(instruction):
            return found("missing_code", "input" if row.input else "instruction", instruction)
        return None
    wanted = (
        (_WANTED.search(instruction) and not _NOT_CODE.search(instruction))
        or _CODE_WANTED_OTHERS.search(instruction)
        or _CODE_WANTED_JAPANESE.search(instruction)
    )
    if wanted and row.output.strip() and is_prose(row.output):
        return found("missing_code", "output", row.output)
    return None
