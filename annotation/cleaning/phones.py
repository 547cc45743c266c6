"""Whether a run of digits is a phone number: international form, a national form of the languages here, or a word before it."""

from __future__ import annotations

import re

from annotation.cleaning.text import Text

_CUE = re.compile(
    r"(?:\b(?:tel|tele?f|t[eé]l[eé]?fono?|t[eé]l[eé]?phone|telefon(?:nummer|nr)?|t[eé]l|fon|phone|mobile?|m[oó]vil|cell|cellphone|whatsapp|fax|handy|"
    r"portable|gsm|call|ring|llam\w+|ruf\w*|appel\w*|mobil(?:nummer)?|numret)\b[^\d\n]{0,20})$",
    re.IGNORECASE,
)
_NOT_PHONE = re.compile(
    r"(?:\b(?:order|invoice|ticket|case|ref\w*|reference|account|customer|contract|serial|isbn|issn|vin|id|n[º°o]|pedido|factura|expediente|"
    r"cuenta|contrato|bestell\w*|rechnung\w*|kunden\w*|auftrag\w*|konto\w*|vertrag\w*|aktenzeichen|commande|facture|dossier|compte|contrat|"
    r"order\w*|faktura\w*|kund\w*|avtal\w*|ärende\w*|diarie\w*|version|build)\b[^\d\n]{0,20})$",
    re.IGNORECASE,
)
# What other rules read: dates (with a time behind), spans of years, IP addresses; and, without a word that says otherwise, amounts.
_NEVER = re.compile(
    r"(?:(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?(?:[ T].*)?|\d\d?[-/.] ?\d\d?[-/.] ?(?:19|20)\d\d(?: .*)?|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d|"
    r"(?:\d{1,3}\.){3}\d{1,3})\Z"
)
# Somebody's number, and nothing but "is" behind it: "my order number" and "mi número de pedido" are others.
_OWN_NUMBER = re.compile(
    r"\b(?:(?:my|his|her|our|their|contact)(?: new| other)? number|(?:mi|nuestro)(?: nuevo)? n[uú]mero|(?:meine|unsere)(?: neue)? nummer|"
    r"(?:mon|notre)(?: nouveau)? num[eé]ro|(?:mitt|vårt|hans|hennes)(?: nya)? (?:nummer|nr))(?: (?:is|es|ist|lautet|est|är))?(?: (?:now|ahora|jetzt|nu|le|el))?"
    r"[ :.,=-]{0,3}\Z",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(r"\(?(?:\+|00[ .-]?)[1-9]")
_SPANISH_LANDLINE = re.compile(r"[89][1-8]\d{7}\Z")
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:([ .])\d{3})(?:\1\d{3})*\Z")

# National forms, the digits as they are grouped; each is too particular to be an amount.
_NATIONAL = re.compile(
    r"""
      \(?0[1-9]\d{0,3}\)?[ ./-]{0,3}\d{1,4}(?:[ .-]?\d{2,4}){1,4}(?:[ ]?-[ ]?\d{1,4})?  # Germany, Sweden, Britain: 030 / 123 45 67, 08-123 456, 0711 123456-0
    | 0\d(?:[ .-]\d\d){4} | 0[ .-]\d{3}(?:[ .-]\d\d){3}                                                          # France: 06 12 34 56 78
    | [6789]\d\d(?:[ .-]\d{3}){2} | [6789]\d\d(?:[ .-]\d\d){3} | [6789]\d[ .-]\d{3}(?:[ .-]\d\d){2}  # Spain
    | (?:1[ .-])?(?:\(\d{3}\)[ -]?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|(?!\d\d0[ ]\d\d0[ ]\d{3}0)[2-9][0-8]\d[ ][2-9]\d\d[ ]\d{4})        # North America
    | 0[1-9]\d{8,10} | [67]\d{8}                                                   # without gaps: ten digits or more, Spain's mobiles
    """,
    re.VERBOSE,
)


def is_phone(match: re.Match[str], text: Text) -> bool:
    """Whether the matched run of digits, in its place in the text, is a phone number."""
    written = match["number"].replace("\u2011", "-")
    if "–" in written:
        if written[0] not in "0+(" and (" " in written or written.count("–") < 2):
            return False  # a span of numbers: 600–700 000
        written = written.replace("–", "-")
    digits = sum(map(str.isdigit, written))
    before = match.string[max(0, match.start() - 40) : match.start()]
    if not 7 <= digits <= 15 or written.count("(") != written.count(")") or _NEVER.match(written):
        return False
    if digits >= 8 and _INTERNATIONAL.match(written):
        return True
    is_amount = _AMOUNT.match(written) and (digits != 9 or written[0] not in "679")
    if not is_amount and _NATIONAL.fullmatch(written) and not _NOT_PHONE.search(before):
        return True
    if _SPANISH_LANDLINE.match(written) and text.language == "es" and not _NOT_PHONE.search(before):
        return True
    return _CUE.search(before) is not None or _OWN_NUMBER.search(before) is not None
