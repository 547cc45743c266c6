"""What the words before a number say of it: that it is a phone's, an order's or an account's, or of some other thing."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["phone", "call", "order", "amount", "thing"]


class Said(NamedTuple):
    """The last such word before a number, and how many signs stand between.

    phone   "tel.", "my mobile"
    call    "ring", "llámame al"
    order   what has a number by which a company knows it: an order, an invoice, a customer, an account
    amount  "we paid", "in total", "the meter reads"
    thing   what else has numbers: a permit, a parcel, a product
    """

    kind: Kind
    gap: int


_FARTHEST = 20  # signs between a word and the number
_WINDOW = 64  # signs before the number that are looked at
_PHONE = (
    r"\w*telefon(?:nummer|numret|nr|en)?|telef|tele|tel|t[eé]l[eé]?fonos?|t[eé]l[eé]?phones?|t[eé]l|fon|phone|mobile?|m[oó]vil|cell|cellphone|"
    r"whatsapp|fax|hotline|handy(?:nummer|nr)?|portable|gsm|mobil(?:nummer|numret|nr)?"
)
_CALL = (
    r"call|ring|ll[aá]m\w+|ruf\w*|appel\w*|numret|(?:reach|contact|text|sms|message) (?:me|us|him|her|them)|erreichbar|erreichen(?: sie mich)?|"
    r"joindre|joignable|contacter|nås|nå(?:r)? mig|kontakta mig"
)
_ORDER = (
    r"order\w*|invoice|ticket|case|r[eé]f(?:[eé]ren\w*|nr)?|account|customer|contract|serial|isbn|issn|vin|id|pedidos?|factura|expediente|cuenta|"
    r"contrato|bestell\w*|rechnung\w*|kunden\w*|auftrag\w*|konto\w*|vertrag\w*|aktenzeichen|commande|facture|dossier|compte|contrat|faktura\w*|"
    r"kund\w*|avtal\w*|ärende\w*|diarie\w*|version|build"
)
_AMOUNT = (
    r"pa(?:id|y)|costs?|total(?:t|e|en)?|amounts?|sums?|summe|suma|summan?|somme|(?:be|ge)zahlt|kostet(?:e|en)?|kosten|beträgt|betrag|betal(?:a|at|ade)|"
    r"kosta(?:r|de|t)?|belopp(?:et)?|pay(?:é|er)|coût(?:e|é|er)?|montant|pag(?:ado|ué|amos|ar)|cuesta|costado|importe|inhabitants|habitantes|einwohner|"
    r"habitants|invånare|meter|reads|z[äa]hler\w*|contador|compteur|mätar\w*"
)
_THING = (
    r"permit|licen[cs]es?|licencia|permiso|application|solicitud|antrag\w*|genehmigung\w*|demande|permis|ansökan|tillstånd\w*|bygglov\w*|booking|"
    r"buchung\w*|r[eé]serva(?:tion|tionen|ción)?|bokning\w*|tracking|parcel|shipment|paket\w*|sendung\w*|envío|colis|policy|p[oó]liza|police|"
    r"försäkring\w*|claim|complaint|reclamación|beschwerde|réclamation|item|article|artículo|artikel\w*|part|pieza|pièce|model|modelo|modell|modèle|"
    r"product|producto|produkt\w*|produit|payment|pago|zahlung\w*|paiement|betalning\w*|receipt|recibo|quittung\w*|reçu|kvitto\w*|request|membership|"
    r"member|socio|mitglied\w*|medlem\w*|pin|code|código|kod|vorgang\w*|akte|az|dnr|ocr|"
    r"about|regarding|concerning|wegen|bezüglich|sobre|concernant|au sujet|angående|gällande"  # what a call is about
)
# "no." and "n°" belong to the word before them; alone they number an order. "No, 612 …" is another word.
_MARK = r"n[º°]|n\.º|no(?=[.:]?[ ]?\Z)"
_WORD = re.compile(
    rf"\b(?:(?P<phone>{_PHONE})\b|(?P<call>{_CALL})\b|(?P<order>{_ORDER})\b|(?P<amount>{_AMOUNT})\b|(?P<thing>{_THING})\b|(?P<mark>{_MARK}))",
    re.IGNORECASE,
)
# "phone of the customer", "Telefon des Kunden", "the phone number for this account is": the phone's all the same.
_NUMBER = r"(?:[ -]?(?:number|nummer|numret|nr|no|n[uú]mero|num[eé]ro)\.?)?"
_OF = re.compile(
    rf"{_NUMBER} (?:(?:of|des|der|del|de|du|av|på)\b|(?:for|on|für|för|para|pour|till|zu[rm]?)\b.*(?:\b(?:is|ist|es|est|är)|[:=])\s*\Z)",
    re.IGNORECASE,
)
_PLACEHOLDERS = re.compile(r"\[[A-Z]{2,}(?:_[A-Z]+)*\]")
# What stands between two numbers that one word speaks of: "Tel. [PHONE] or 123456".
_LISTED = re.compile(
    r"[\s,;/|&+–-]*(?:(?:or|and|o|u|y|e|oder|und|bzw\.?|ou|et|eller|och|resp\.?)\s+)?\Z", re.IGNORECASE
)
_LINE_OR_DIGIT = re.compile(r"[\d\n]")


def said(text: str, start: int) -> Said | None:
    """What is said of the number that begins at `start`; None where no such word is near, on its line and with no number between.

    Placeholders are not words: "[PHONE]" says nothing of the number behind it, but what is said of it goes for all of a list.
    """
    before = text[max(0, start - _WINDOW) : start]
    place = 0
    for placeholder in reversed(list(_PLACEHOLDERS.finditer(before))):
        if not _LISTED.match(before, placeholder.end()):
            place = placeholder.end()
            break
        before = before[: placeholder.start()]
    for match in _LINE_OR_DIGIT.finditer(before, place):
        place = match.end()
    return _last(before, place)


def _last(before: str, place: int) -> Said | None:
    """What the last word behind `place` says, if it is near enough."""
    words = list(_WORD.finditer(before, place))
    if len(words) > 1 and words[-1]["mark"] and not before[words[-2].end() : words[-1].start()].strip(" .:-"):
        del words[-1]
    if not words or len(before) - words[-1].end() > _FARTHEST:
        return None
    last = words[-1]
    gap = len(before) - last.end()
    if len(words) > 1 and words[-2]["phone"] and _OF.match(before, words[-2].end()):
        return Said("phone", gap)
    kinds: tuple[Kind, ...] = ("phone", "call", "amount", "thing")
    return Said(next((kind for kind in kinds if last[kind]), "order"), gap)
