"""Addresses, numbers and keys that look like a real person's, masked in the evidence."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, fields_of, found
from selfinstruct.defects.words import has_any

_EMAIL = re.compile(r"(?<![\w.+@-])([\w.+-]+)@((?:[\w-]+\.)+[a-z]{2,})\b", re.I)
_INVENTED_DOMAIN = re.compile(
    r"(?:.*\.)?(?:example|test|invalid|localhost|ejemplo|exemple|exemplo|esempio|beispiel"
    r"|muster\w*)(?:\.\w+)*$|(?:my|your|our|some|any)?-?(?:domain|email|mail|company|business"
    r"|website|site|companyname|organization|university|school|store|abc|xyz|acme|xxx|provider"
    r"|host|server|yourcompany|emailaddress|address|placeholder|sample|foo|bar)\.\w+(?:\.\w+)?$"
    r"|(?:your|my).*|.*\.(?:example|test|invalid|local)$",
    re.I,
)
_ROLE = re.compile(
    r"(?:info|support|contact|help|sales|admin|office|hello|press|jobs|careers|hr|noreply"
    r"|no-?reply|do-?not-?reply|alerts?|notifications?|newsletter|updates?|mailer(?:-daemon)?"
    r"|marketing|events?|editor|store|shop|reservations?|booking|enquiries|inquiries|complaints"
    r"|returns|accounts?|service|team|customerservice|customer[._-]?support|feedback|billing"
    r"|privacy|security|webmaster|orders?|your[._-]?(?:name|email)|name|user(?:name)?|someone"
    r"|email|test|foo|abc|xxx|first(?:name)?\.?last(?:name)?|sender|recipient|git|root|example"
    r"|my[._-]?\w*|your[._-]?\w*|someone|somebody|person|me|you|(?:john|jane)[._-]?(?:doe|smith)?|j(?:doe|smith)"
    r"|alice|bob|carol|foo[._-]?bar|a|b|c|address|placeholder|dummy|sample)\d*$",
    re.I,
)
_PHONE = re.compile(
    r"(?<![\w.,/=$\u20ac\u00a3#-])(?:\+\d{1,3}[ .-]?(?:\(0\))?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"
    r"|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}|1[3-9]\d{9}"
    r"|0[1-9](?:[ .]\d\d){4}(?![ .]\d)|0\d{1,4}[ /-]\d{3,4}[ -]?\d{3,5}(?:[ -]\d{2,4})?)(?![\w-]"
    r"|[.,/]\d)"
)
_CARD = re.compile(
    r"(?<![\d.-])(?<!\d )(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?! ?\d)(?![.-]\d)"
)
_TEST_CARDS = {
    "4111111111111111",
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "4012888888881881",
    "5105105105105100",
    "6011111111111117",
}
_KEY = re.compile(
    r"\bsk-(?:proj-|ant-)?[\w-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}|\bhf_[A-Za-z0-9]{30,}"
    r"|\bglpat-[\w-]{20}|\b[sr]k_live_\w{16,}"
    r"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\bSG\.[\w-]{20,}\.[\w-]{20,}"
)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_DIGITS = re.compile(r"\d(?:[ ().+/-]{0,3}\d){6}")
_KEYLIKE = (
    "sk-", "AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "xox", "AIza", "hf_",
    "glpat", "_live_", "PRIVATE KEY", "eyJ", "SG.",
)  # fmt: skip
_DUMMY_KEY = re.compile(r"(.)\1{5,}|example|your|xxxx|1234567890|abcdefg", re.I)


# Tasks that ask for an invented address, or for a program that handles addresses.
_INVENTED = re.compile(
    r"example|hypothetical|fictional|fake|invent|made[- ]up|sample|dummy|placeholder|valid e?-?mail|random"
    r"|resume|r\u00e9sum\u00e9|\bcv\b|business card|regex|regular expression|format the|new (?:tele)?phone"
    r"|not currently in use|script|python|\bsql\b|\bcode\b|program|function|\u4f8b\u5982|\u793a\u4f8b|\u865a\u6784",
    re.I,
)
_CONTACTS = ("e-mail address", "phone number")


def personal_data(row: Checked) -> Finding | None:
    """The first address, number or key of any field, masked.

    A note for addresses and telephone numbers, of which most are invented.
    """
    for field, text in fields_of(row):
        masked = _first_masked(text)
        if masked is None:
            continue
        if not masked.startswith(_CONTACTS):
            return found("personal_data", field, masked)
        if not _INVENTED.search(row.instruction):
            return found("personal_data", field, masked, severity="note")
    return None


def _first_masked(text: str) -> str | None:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if not _INVENTED_DOMAIN.match(match[2]) and not _ROLE.match(match[1]):
                return f"e-mail address {match[1][:2]}...@{match[2]}"
    if not _DIGITS.search(text) and not has_any(text, _KEYLIKE):
        return None
    # digits inside an account number are no telephone number
    accounts = [(account.start(), account.end()) for account in _IBAN.finditer(text)]
    for pattern, kind, dummy in _PATTERNS:
        for match in pattern.finditer(text):
            inside = pattern is not _IBAN and any(
                start <= match.start() < end for start, end in accounts
            )
            if not inside and not dummy(match.group(), text):
                whole = match.group().strip()
                return f"{kind} {whole[:4]}... ({len(whole)} characters)"
    return None


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _no_phone(number: str, text: str) -> bool:
    digits = _digits(number)
    national = digits[-10:]
    invented = (
        _SHOWN_NUMBER.match(digits) is not None
        or "55501" in national
        or national[3:6] == "555"
        or national[:3] == "555"
    )
    return (
        not 9 <= len(digits) <= 15
        or (number.isdigit() and not _SPOKEN_TO.search(text))
        or invented
        or _in_a_row(digits)
        or len(set(digits)) <= 3
        or _no_date(number)
        or "isbn" in text.lower()
    )


_SPOKEN_TO = re.compile(
    r"手机|电话|電話|联系|聯繫|致电|号码|微信|客服|热线|phone|mobile|call|\btel|contact|whats ?app"
    r"|fax|\bsms|text me|姓名|邮箱",
    re.I,
)
# Numbers that are set aside for films and books, or that many pages print.
_SHOWN_NUMBER = re.compile(
    r"(?:44|0)(?:7700900|2079460|1632960|1154960|1414960)|13800138000$|2024561414$|(?:1|0)?8005550"
    r"|33199?00|336399801"
)


def _no_date(number: str) -> bool:
    return (
        re.fullmatch(
            r"(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d",
            number.strip(),
        )
        is not None
    )


def _in_a_row(digits: str) -> bool:
    return any(
        run in digits
        for run in ("1234567", "2345678", "3456789", "7654321", "9876543", "234567890", "0123456")
    )


def _no_card(number: str, text: str) -> bool:
    digits = _digits(number)
    total = sum(
        int(digit) if place % 2 == 0 else sum(divmod(2 * int(digit), 10))
        for place, digit in enumerate(reversed(digits))
    )
    begins = re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5|2)|3[068]", digits)
    return (
        total % 10 != 0
        or not begins
        or len(set(digits)) <= 3
        or digits in _TEST_CARDS
        or _in_a_row(digits)
        or digits[:3] in ("978", "979")
    )


_SHOWN_IBANS = {
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "CH9300762011623852957",
    "NL91ABNA0417164300",
    "AT611904300234573201",
    "IT60X0542811101000000123456",
    "BE68539007547034",
}


def _no_iban(number: str, text: str) -> bool:
    plain = number.replace(" ", "")
    return (
        plain in _SHOWN_IBANS
        or not 15 <= len(plain) <= 34
        or int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 != 1
    )


_PATTERNS = (
    (_KEY, "key", lambda key, text: _DUMMY_KEY.search(key) is not None),
    (
        _SSN,
        "social security number",
        lambda number, text: (
            _digits(number) in ("123456789", "078051120", "987654321")
            or len(set(_digits(number))) <= 3
        ),
    ),
    (_CARD, "card number", _no_card),
    (_IBAN, "account number", _no_iban),
    (_PHONE, "phone number", _no_phone),
)
