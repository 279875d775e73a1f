"""The words with which outputs in other languages than English decline a task."""

from __future__ import annotations

import re

from selfinstruct.text import late

# Of each language: an apology or "as a language model", then within a sentence "I cannot" or
# "cannot be done". After the model's name the apology may be missing.
_LANGUAGES = {
    "es": (
        (r"lo siento|lo lamento|perdona|perd\u00f3n|disculp\w+|lamentablemente|desafortunadamente"
        r"|como (?:una? |soy una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente)"),
        (r"\bno (?:puedo|podemos|puede|me es posible|es posible|tengo (?:acceso|la capacidad|forma)"
        r"|soy capaz|estoy (?:capacitad|autorizad))"),
    ),
    "fr": (
        (r"d\u00e9sol\u00e9e?|je suis d\u00e9sol\u00e9e?|malheureusement|je regrette|je m'excuse"
        r"|en tant qu(?:e|['\u2019])\s?(?:ia|intelligence artificielle|assistante?|mod\u00e8le)"),
        (r"\bje ne (?:peux|suis|puis|dispose)\b|\bje n['\u2019]ai pas (?:acc\u00e8s|la capacit\u00e9)"
        r"|\bne peut (?:pas )?\u00eatre|\bil (?:ne )?m['\u2019]est (?:pas possible|impossible)"
        r"|\bn['\u2019]est pas possible"),
    ),
    "de": (
        (r"es tut mir (?:sehr )?leid|tut mir leid|leider|entschuldig\w+"
        r"|als (?:eine? )?(?:ki|k\u00fcnstliche intelligenz|(?:ki-)?sprachmodell|textbasierte\w*)"),
        (r"\b(?:kann ich|ich kann|bin ich|ich bin|habe ich|ich habe|k\u00f6nnen wir|ist es mir"
        r"|kann (?:die|diese|der) \w+)\b.{0,80}\b(?:nicht|kein\w*)\b"),
    ),
    "pt": (
        (r"desculp\w+|sinto muito|lamento|infelizmente|como (?:uma? )?(?:ia"
        r"|intelig\u00eancia artificial|modelo de linguagem|assistente)"),
        r"\bn\u00e3o (?:posso|consigo|tenho|\u00e9 poss\u00edvel|pode ser|sou capaz|podemos)",
    ),
    "it": (
        (r"mi dispiace|purtroppo|spiacente|come (?:un')?(?:ia|intelligenza artificiale"
        r"|modello linguistico|modello di linguaggio)"),
        r"\bnon (?:posso|sono in grado|ho|\u00e8 possibile|pu\u00f2 essere)",
    ),
    "nl": (
        r"het spijt me|helaas|sorry|als (?:een )?(?:ai|taalmodel)",
        r"\b(?:kan ik|ik kan|ik heb|ik ben|kunnen we)\b.{0,60}\b(?:niet|geen)\b",
    ),
    "ru": (
        (r"\u0438\u0437\u0432\u0438\u043d\u0438\u0442\u0435|\u043a \u0441\u043e\u0436\u0430\u043b"
        r"\u0435\u043d\u0438\u044e|\u043f\u0440\u043e\u0441\u0442\u0438\u0442\u0435|"
        r"\u043f\u0440\u043e\u0448\u0443 \u043f\u0440\u043e\u0449\u0435\u043d\u0438\u044f"
        r"|\u043a\u0430\u043a (?:\u0418\u0418|\u044f\u0437\u044b\u043a\u043e\u0432\u0430\u044f"
        r"|\u0438\u0441\u043a\u0443\u0441\u0441\u0442\u0432\u0435\u043d\u043d\u044b\u0439)"),
        (r"\b\u043d\u0435 (?:\u043c\u043e\u0433\u0443|\u043c\u043e\u0436\u0435\u043c|\u0438\u043c\u0435\u044e"
        r"|\u0432 \u0441\u043e\u0441\u0442\u043e\u044f\u043d\u0438\u0438|\u043c\u043e\u0436\u0435\u0442"
        r" \u0431\u044b\u0442\u044c|\u0443\u043c\u0435\u044e)|\u043d\u0435\u0432\u043e\u0437\u043c\u043e"
        r"\u0436\u043d\u043e|\u0443 \u043c\u0435\u043d\u044f \u043d\u0435\u0442"),
    ),
    "vi": (
        (r"xin l\u1ed7i|r\u1ea5t ti\u1ebfc|t\u00f4i xin l\u1ed7i|(?:v\u1edbi t\u01b0 c\u00e1ch )?l\u00e0"
        r" (?:m\u1ed9t )?(?:m\u00f4 h\u00ecnh ng\u00f4n ng\u1eef|tr\u00ed tu\u1ec7 nh\u00e2n t\u1ea1o"
        r"|AI|tr\u1ee3 l\u00fd)"),
        r"kh\u00f4ng (?:th\u1ec3|c\u00f3 kh\u1ea3 n\u0103ng|c\u00f3 quy\u1ec1n|\u0111\u01b0\u1ee3c ph\u00e9p)",
    ),
    "tr": (
        r"\u00fczg\u00fcn\u00fcm|maalesef|ne yaz\u0131k ki|bir (?:yapay zeka|dil modeli)",
        r"(?:yapam|edem|veremem|sa\u011flayam|eri\u015fem|cevaplayam|m\u00fcmk\u00fcn de\u011fil)\w*",
    ),
    "id": (
        r"maaf|mohon maaf|sayangnya|sebagai (?:model bahasa|ai|asisten)",
        r"\b(?:tidak (?:dapat|bisa|memiliki|mampu)|belum bisa)\b",
    ),
    "pl": (
        r"przepraszam|niestety|przykro mi|jako (?:model j\u0119zykowy|sztuczna inteligencja)",
        (r"\bnie (?:mog\u0119|mo\u017cemy|jestem w stanie|mam (?:dost\u0119pu|mo\u017cliwo\u015bci))"
        r"|\bnie (?:da si\u0119|mo\u017cna|jest mo\u017cliwe)"),
    ),
    "ar": (
        (r"\u0639\u0630\u0631\u064b?\u0627\u064b?|\u0622\u0633\u0641|\u0623\u0639\u062a\u0630\u0631"
        r"|\u0644\u0644\u0623\u0633\u0641|\u0643(?:\u0646\u0645\u0648\u0630\u062c|\u0630\u0643\u0627\u0621)"
        r"|\u0628\u0635\u0641\u062a\u064a"),
        (r"\u0644\u0627 (?:\u064a\u0645\u0643\u0646|\u0623\u0633\u062a\u0637\u064a\u0639|\u0623\u0645\u0644\u0643"
        r"|\u064a\u0645\u0643\u0646\u0646\u064a|\u0623\u0642\u062f\u0631)|\u0644\u0633\u062a \u0642\u0627"
        r"\u062f\u0631|\u0644\u0646 \u0623\u062a\u0645\u0643\u0646|\u063a\u064a\u0631 \u0642\u0627\u062f\u0631"),
    ),
    "hi": (
        (r"\u092e\u0941\u091d\u0947 (?:\u0916\u0947\u0926|\u0905\u092b\u0938\u094b\u0938)|\u0915\u094d\u0937"
        r"\u092e\u093e|\u092e\u093e\u092b\u093c? ?\u0915|\u0916\u0947\u0926 \u0939\u0948|\u0926\u0941\u0930"
        r"\u094d\u092d\u093e\u0917\u094d\u092f|\u090f\u0915 (?:\u090f\u0906\u0908|AI|\u092d\u093e\u0937\u093e)"),
        (r"\u0928\u0939\u0940\u0902 (?:\u0915\u0930|\u0926\u0947|\u092c\u0924\u093e|\u0939\u0948|\u0938\u0915"
        r"|\u0939\u094b|\u092c\u0928\u093e|\u091a\u0932\u093e|\u092d\u0947\u091c)|\u0905\u0938\u092e\u0930"
        r"\u094d\u0925|\u0928\u0939\u0940\u0902 \S{1,12} \u0938\u0915"),
    ),
    "zh": (
        (r"\u5bf9\u4e0d\u8d77|\u5f88?\u62b1\u6b49|\u975e\u5e38\u62b1\u6b49|\u6284\u6b49"
        r"|\u4e0d\u597d\u610f\u601d|\u5f88?\u9057\u61be|\u5c0d\u4e0d\u8d77"
        r"|(?:\u4f5c\u4e3a|\u4f5c\u70ba|\u8eab\u4e3a|\u6211\u662f)(?:\u4e00(?:\u4e2a|\u540d|\u6b3e|\u79cd|\u500b))?"
        r"(?:\u57fa\u4e8e.{0,8}\u7684)?(?:\u4eba\u5de5\u667a\u80fd|AI|\u5927?\u578b?\u8bed\u8a00\u6a21\u578b)"),
        (r"(?:\u6211|\u6a21\u578b|\u4efb\u52a1|\u95ee\u9898|\u8bf7\u6c42)?.{0,12}(?:\u65e0\u6cd5|\u4e0d\u80fd"
        r"|\u6ca1\u6709\u80fd\u529b|\u6ca1\u6cd5|\u6ca1\u6709\u529e\u6cd5|\u4e0d\u5177\u5907|\u7121\u6cd5"
        r"|\u4e0d\u4f1a|\u4e0d\u53ef\u4ee5)"),
    ),
    "ja": (
        (r"\u7533\u3057\u8a33|\u3059\u307f\u307e\u305b\u3093|\u6b8b\u5ff5|\u3054\u3081\u3093\u306a\u3055\u3044"
        r"|(?:AI|\u8a00\u8a9e\u30e2\u30c7\u30eb|\u4eba\u5de5\u77e5\u80fd)\u3068\u3057\u3066"),
        (r"\u3067\u304d\u307e\u305b\u3093|\u304b\u306d\u307e\u3059|\u3067\u304d\u306a\u3044|\u4e0d\u53ef\u80fd"
        r"|[\u3048\u3051\u305b\u3066\u306d\u3081\u308c]\u307e\u305b\u3093|\u6301\u3063\u3066\u3044\u307e\u305b\u3093"),
    ),
    "ko": (
        (r"\uc8c4\uc1a1|\ubbf8\uc548|\uc544\uc27d\uac8c\ub3c4|\uc720\uac10"
        r"|(?:AI|\uc5b8\uc5b4 \ubaa8\ub378|\uc778\uacf5\uc9c0\ub2a5)(?:\ub85c\uc11c|\ub85c\uc368|\uc774\ubbc0\ub85c|\uc774\uae30)"),
        (r"(?:\uc218|\uc218\ub294|\uc218\uac00) \uc5c6|\ubabb\ud569\ub2c8\ub2e4|\ubd88\uac00\ub2a5"
        r"|\ud560 \uc218\uc5c6"),
    ),
}  # fmt: skip
FOREIGN = late(
    "|".join(
        rf"\W{{0,3}}(?:{opening})(?:(?![.!\u3002\uff01]\s?\S{{2,}}.{{60,}}).){{0,90}}?(?:{unable})"
        for opening, unable in _LANGUAGES.values()
    ),
    re.I,
)
# "The model cannot", "no output is possible", without an apology.
IMPERSONAL = late(
    r"\W{0,3}(?:esta|la) (?:tarea|instrucci\u00f3n|solicitud|petici\u00f3n) no (?:se )?puede (?:ser )?"
    r"|\W{0,3}(?:cette|la) (?:t\u00e2che|demande|instruction|requ\u00eate) ne peut (?:pas )?\u00eatre"
    r"|\W{0,3}dies(?:e|er)? (?:aufgabe|anfrage|anweisung|auftrag) kann (?:\w+ ){0,4}nicht"
    r"|\W{0,3}(?:esta|a) (?:tarefa|solicita\u00e7\u00e3o|instru\u00e7\u00e3o) n\u00e3o pode ser"
    r"|\W{0,3}(?:\u8fd9|\u8be5|\u6b64)(?:\u4e2a|\u9879|\u7c7b)?(?:\u4efb\u52a1|\u6307\u4ee4|\u8bf7\u6c42|\u95ee\u9898)"
    r".{0,30}(?:GPT|\u8bed\u8a00\u6a21\u578b|\u6a21\u578b|AI|\u4eba\u5de5\u667a\u80fd).{0,16}(?:\u65e0\u6cd5|\u4e0d\u80fd)"
    r"|\W{0,3}(?:\u8fd9|\u8be5|\u6b64)(?:\u4e2a|\u9879|\u7c7b)?(?:\u4efb\u52a1|\u6307\u4ee4|\u8bf7\u6c42).{0,12}"
    r"(?:\u65e0\u6cd5|\u4e0d\u80fd)(?:\u7531|\u88ab).{0,20}\u6a21\u578b"
    r"|\W{0,3}(?:\u65e0|\u6ca1\u6709)\u8f93\u51fa.{0,6}(?:\u56e0\u4e3a|\u7531\u4e8e)"
    r"|\W{0,3}\u3053\u306e(?:\u30bf\u30b9\u30af|\u8cea\u554f|\u4f9d\u983c|\u6307\u793a).{0,30}\u3067\u304d(?:\u307e\u305b\u3093|\u306a\u3044)"
    r"|\W{0,3}\uc774 (?:\uc791\uc5c5|\uc694\uccad|\uc9c8\ubb38).{0,30}\uc218 \uc5c6"
    r"|\W{0,3}\u044d\u0442\u043e(?:\u0442|)? (?:\u0437\u0430\u043f\u0440\u043e\u0441|\u0437\u0430\u0434\u0430\u043d\u0438\u0435)"
    r".{0,40}\u043d\u0435 \u043c\u043e\u0436\u0435\u0442 \u0431\u044b\u0442\u044c"
    r"|\W{0,3}kh\u00f4ng th\u1ec3 (?:ho\u00e0n th\u00e0nh|th\u1ef1c hi\u1ec7n|tr\u1ea3 l\u1eddi)",
    re.I,
)
