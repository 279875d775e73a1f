"""The words with which English outputs decline a task, in the first person and impersonally."""

from __future__ import annotations

import re

from selfinstruct.text import late

_KIND = r"(?:(?:just|only|merely|simply) )?an? (?:\w+ )?"
OF_ITSELF = (
    rf"(?:as|being|since i am|because i am|i am|i'm|i\u2019m) {_KIND}?(?:ai\b"
    r"|artificial intelligence|(?:large |ai )?language model|virtual assistant|chat ?bot"
    r"|(?:ai |gpt |digital )(?:model|assistant)|text[- ]based|machine learning model)[\w\s-]{0,40}"
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
_SORRY = (
    r"(?:i(?:'m| am|\u2019m) (?:very |so |really |truly )?(?:sorry|afraid)|sorry"
    r"|my apologies|i apologi[sz]e|apologies|unfortunately|regrettably)\b[\s,.:;!\u2014-]*"
)
FIRST_PERSON = late(
    rf"\W{{0,3}}(?:{_SORRY}"
    rf"(?:for [\w\s]{{0,40}}[,.] )?(?:but |that |however,? )*(?:{OF_ITSELF}[,;.]? (?:and )?)?"
    rf"(?:(?:i\b ?)?{_CANNOT}"
    rf"|it (?:is|'s) (?:not possible|impossible) for me"
    rf"|this (?:request|task|question|instruction) (?:is (?:not possible|beyond|outside)|can(?:not|'t))"
    rf"|(?:this|that) is (?:not )?something i {_CANNOT})"
    rf"|{OF_ITSELF}[,;.]? (?:and )?(?:unfortunately,? )?(?:i ?)?{_CANNOT}"
    rf"|i(?: | (?:really|simply|just) ){_CANNOT}[^.,;]{{0,50}}\b(?:fulfil\w*|assist|help|comply"
    rf"|complete|provide|answer|access|browse|create|generate|draw|display|open|view|see|perform"
    rf"|do that|write|summari[sz]e|translate|play|process|determine|set|send|call|schedule|remind"
    rf"|book|order|turn (?:on|off)|upload|download|install|print|taste|smell|hear|listen"
    rf"|watch|physically|execute|visit)\b"
    rf"|i(?:'m| am|\u2019m) (?:not able|unable) to (?:access|listen|edit|browse|send|call|find|read"
    rf"|watch|tell|predict|view|see|hear|play|draw|open|display|create|generate|make|book|order"
    rf"|search|look up|answer|help|assist|complete|fulfil\w*|comply|provide|process|perform|set"
    rf"|schedule|execute|physically)\b"
    r"|i (?:do not|don't|don\u2019t) have access to\b"
    r"|i (?:do not|don't|don\u2019t) have (?:personal|feelings|emotions|physical|the ability)\b"
    rf"|i {_CANNOT} (?:fulfil|comply|assist|help|complete|provide|answer)"
    r"|(?:this|the) (?:request|task|question|instruction|prompt) (?:can(?:not|'t)|could not"
    r"|is unable to) be (?:completed|answered|fulfilled|done|performed)"
    r"|unable to (?:complete|fulfil\w*|answer|process|comply|assist|provide|generate|perform)"
    r"(?=\W*$|[^.]{0,40}(?:request|task|instruction|without|as |due|because|since|this|that))"
    r"|it is not possible to (?:complete|answer|fulfil\w*|perform|provide)"
    r"|it (?:is|'s) (?:not possible|impossible) for me to\b"
    r"|(?:please )?(?:provide|give me|supply) (?:more|additional|further) (?:information|context"
    r"|details)"
    r"|i (?:would )?need more (?:information|context|details)"
    r"|(?:there is )?not enough (?:information|context) (?:is )?(?:given|provided"
    r"|to (?:answer|complete))"
    r"|i (?:do not|don't|don\u2019t) (?:understand (?:the|your|this|what)|know what you|see any"
    r"|see an)\b)",
    re.I,
)
_MACHINE = (
    r"(?:gpt|language|text(?:-based|-only)?|ai|llm)[- ]?(?:\d|language )*[- ]?"
    r"(?:models?|assistants?|bots?)|\bgpt(?:-?\d)?\b|(?:the|this|our|such) (?:model|ai|assistant)s?"
    r"|such models"
)
_TASK = (
    r"(?:this|the|your|such an?)(?: (?:type|kind|sort) of| given| above)? (?:task|instruction"
    r"|request|question|prompt|command|query)s?"
)
_UNABLE = (
    r"(?:cannot|can ?not|can't|can\u2019t|unable|not able|incapable|not (?:yet )?capable|no way to"
    r"|no means|makes? none|not designed|beyond|outside (?:of )?the (?:scope|capabilit)|not feasible"
    r"|not possible|impossible|(?:does|do) not (?:suit|have)|not (?:a )?suitable|not supported"
    r"|limitations? of|unreliab\w+)"
)
_PASSIVE = (
    r"(?:cannot|can ?not|can't|can\u2019t|could not) be (?:completed|done|performed|fulfilled"
    r"|answered|executed|carried out|generated|produced|created|provided|drawn|processed)"
)
_DONE_TO = (
    r"(?:cannot|can ?not|can't|unable to|not able to) (?:complete|fulfil\w*|perform|carry out"
    r"|execute|process|answer) (?:it|this|the|that|your)\b"
)
# Impersonal sentences that say that a model cannot do the task.
IMPERSONAL = late(
    rf"\W{{0,3}}(?:no (?:output|answer|response)|n/?a)\W{{1,4}}(?:(?:as|since|because|due to)\b"
    rf"[^\n]{{0,160}}?(?:{_UNABLE}|{_MACHINE})|[^\n]{{0,80}}?(?:{_MACHINE})[^\n]{{0,60}}?{_UNABLE})"
    r"|\W{0,3}no (?:output|answer|response) (?:is )?(?:possible|can be (?:given|produced|generated))"
    r"(?=\W*$|\W+(?:as|since|because|for|the|due))"
    rf"|\W{{0,3}}(?:{_SORRY})?(?:<?no ?(?:output|input)>?\W+)?{_TASK}[^.\n]{{0,140}}?(?:"
    rf"{_PASSIVE}|(?:{_MACHINE})[^.\n]{{0,60}}?{_UNABLE}|{_UNABLE}[^.\n]{{0,60}}?(?:{_MACHINE})"
    rf"|[.\n][^.\n]{{0,120}}{_DONE_TO}|[.\n][^.\n]{{0,60}}(?:{_MACHINE})[^.\n]{{0,60}}{_UNABLE})"
    rf"|\W{{0,3}}{_SORRY}(?:but )?(?:{_TASK}|this|it)[^.\n]{{0,120}}(?:{_PASSIVE}|"
    rf"[.\n][^.\n]{{0,140}}{_DONE_TO})"
    rf"|\W{{0,3}}(?:an? |the )?(?:image|picture|photo|drawing|video|audio|visual\w*|sound|music)\w*"
    rf" (?:is|was|are) (?:asked|requested|required)[^.\n]{{0,80}}(?:{_PASSIVE}|{_UNABLE}[^.\n]"
    rf"{{0,60}}(?:{_MACHINE})|(?:{_MACHINE})[^.\n]{{0,60}}{_UNABLE})"
    rf"|\W{{0,3}}(?:this|that|it) {_PASSIVE} by (?:an? |the )?(?:{_MACHINE})"
    rf"|\W{{0,3}}(?:an? |the )?(?:{_MACHINE}) (?:{_UNABLE})[^.\n]{{0,60}}(?:{_TASK}|such|that|this)"
    rf"|\W{{0,3}}you are asking[^.\n]{{0,100}}[.\n][^.\n]{{0,140}}{_UNABLE}",
    re.I,
)
