"""Closing formulas of letters and mails in five languages, with the thanks before and the name behind them."""

from __future__ import annotations

import re
from typing import Literal

# The formal French ending has a part of its own for each of its three steps.
_FRENCH_LEAD = r"(?:dans l['’]attente|en vous remerciant|en vous souhaitant|en espérant|restant à votre)[^\n.!?]{0,80}"
_PLEASE_ACCEPT = (
    r"(?:(?:je|nous) vous pri(?:e|ons) (?:de bien vouloir |d['’]|de )(?:agréer|accepter|recevoir|croire)|veuillez (?:agréer|accepter|recevoir|croire)|"
    r"(?:agréez|recevez|croyez))"
)
_FRENCH_ASSURANCE = r"(?:à )?l['’](?:expression|assurance) (?:de|des)"
_FRENCH_WISHES = (
    r"[^\n.!?]{0,40}(?:salutations|sentiments|considération|respects?|hommages|vœux|dévouement)"
    r"(?: (?:et|les|mes|nos|plus|très|bien|distinguée?s?|respectueu(?:x|ses?)|dévouée?s?|meilleure?s?|cordia(?:les?|ux)|sincères?|amica(?:les?|ux)))*"
)

# Formulas that end a message wherever they stand alone on a line.
_REGARDS = (
    # English
    r"(?:with )?(?:my |our )?(?:very )?(?:best|kind|kindest|warm|warmest|friendly) (?:regards|wishes)", "(?:with )?regards", "all (?:the|my) best",
    "yours (?:sincerely|faithfully|truly)", "sincerely(?: yours)?", "respectfully(?: yours)?", "cordially", "rgds",
    # Spanish
    "(?:(?:le |les )?(?:envío |mando )?(?:reciba[ns]? )?un |con un )?(?:cordial |afectuoso |atento )?saludo(?: cordial| afectuoso)?",
    "(?:muchos |cordiales |atentos )?saludos(?: cordiales)?", "cordialmente", "(?:muy )?atentamente",
    r"(?:(?:sin otro particular|(?:quedo )?a la espera de (?:su|tu|sus) [^\n.!?]{1,40}|agradeciendo [^\n.!?]{1,60}), )?(?:le|les) saludan?(?: muy)? atentamente",
    r"(?:sin otro particular|a la espera de (?:su|tu|sus) [^\n.!?]{1,40}|agradeciendo [^\n.!?]{1,60}), (?:reciba )?un (?:cordial |atento )?saludo",
    "(?:un )?(?:fuerte )?abrazos?",
    # German
    "mit (?:(?:freundlich|best|lieb|herzlich|viel|schön)e[nm] )(?:grüßen|grüssen|gruß|gruss|empfehlungen)",
    r"(?:(?:ganz )?(?:freundliche|beste|viele|liebe|herzliche|schöne|sonnige) )?(?:grüße|grüsse)(?: aus \w+)?",
    r"(?:(?:freundlichen|besten|lieben|herzlichen|schönen) )?(?:gruß|gruss)(?: aus \w+)?", "hochachtungsvoll", "mfg", r"m\. ?f\. ?g\.", "lg", "vg",
    # French
    "(?:bien |très )?(?:cordialement|amicalement|respectueusement|sincèrement)(?: vôtre)?", "bien à (?:vous|toi)", "cdlt", "cdt",
    "(?:mes |nos )?(?:sincères |meilleures |cordiales |respectueuses )?salutations(?: distinguées| sincères| cordiales| les meilleures)?",
    rf"(?:{_FRENCH_LEAD}, )?{_PLEASE_ACCEPT}[^\n]{{0,60}} (?:mes|nos|{_FRENCH_ASSURANCE}){_FRENCH_WISHES}",
    rf"{_PLEASE_ACCEPT}(?:,? (?:chère |cher )?(?:madame|monsieur|mesdames|messieurs)(?: (?:et|ou))?)+", f"{_FRENCH_ASSURANCE}{_FRENCH_WISHES}",  # two lines
    # Swedish
    "(?:med )?(?:vänliga?|bästa?|varma?|hjärtliga?|många|soliga) hälsning(?:ar)?", "hälsningar", "mvh", r"m\. ?v\. ?h\.",
)  # fmt: skip
# Words that are said within a message too: with a name below only.
_MAYBE = (
    "best", "warmly", "cheers", "take care", "yours", "br", "kr", "many thanks",
    "thanks(?: a lot| so much| again| very much)?", "thank you(?: very much| so much| again)?", "thx", "ty", "bg", "à bientôt",
    "bonne journée", "vänligen", "ha det bra",
    "(?:muchas |muchísimas |mil )?gracias", "(?:vielen |besten |herzlichen |lieben )?dank", "danke(?: schön| sehr)?",
    "(?:un grand )?merci(?: beaucoup)?", "(?:stort |tusen )?tack(?: så mycket)?",
)  # fmt: skip
_BEFOREHAND = (
    r"in advance|for (?:your|the) \w+(?: (?:and|in) \w+){0,2}|de antemano|por (?:su|tu|la|el) \w+|im voraus|für (?:ihre|deine|die) \w+|"
    r"d['’]avance|par avance|pour votre \w+|på förhand|för (?:er|din|hjälpen)(?: \w+)?"
)
_AND = r"[,.!]*(?: ?/ ?| (?:(?:and|y|und|et|och|mit|with|con|avec|med|&) )?)"

_NAME = r"[^\W\d_a-zà-öø-ÿ][\w.'’-]*(?: (?:(?:de|del|la|von|van|der|den|af|y|und|&|e) ){0,2}[^\W\d_a-zà-öø-ÿ][\w.'’-]*){0,4}"
_REGARD = f"(?:{'|'.join(_REGARDS)})"
_CLOSING = re.compile(
    rf"(?:(?P<maybe>{'|'.join(_MAYBE)})(?: (?:{_BEFOREHAND}))?)?(?:(?(maybe){_AND})(?P<regards>{_REGARD}(?: ?/ ?{_REGARD})?))?"
    rf"(?:[,.! ]*| ?[,.!-]? ?(?P<name>(?-i:{_NAME}))[,. ]*)",
    re.IGNORECASE,
)
_LONELY_NAME = re.compile(rf"(?:[-–~]|/{{1,2}})? ?{_NAME}[,. ]*")
_SLASHED = re.compile(rf"/{{1,2}} ?{_NAME}[,. ]*")

# The first words of those.
_WORDS = """
with my our very best kind kindest warm warmest friendly regards all yours sincerely respectfully cordially rgds le
les envío mando reciba recibas reciban un con cordial afectuoso atento saludo muchos cordiales atentos saludos
cordialmente muy atentamente fuerte abrazo abrazos mit ganz freundliche beste viele liebe herzliche schöne sonnige
grüße grüsse freundlichen besten lieben herzlichen schönen gruß gruss hochachtungsvoll mfg m lg vg bien très
cordialement amicalement respectueusement sincèrement cdlt cdt mes nos sincères meilleures cordiales respectueuses
salutations je nous veuillez med vänliga vänlig bästa bäst varma varm hjärtliga hjärtlig många soliga hälsningar mvh
warmly cheers take br kr many thanks thank thx ty bg à bonne vänligen ha muchas muchísimas mil gracias vielen dank
danke merci stort tusen tack dans en restant agréez recevez croyez l à sin quedo a agradeciendo
"""
FIRST_WORDS = frozenset(_WORDS.split())
"""What a line begins with, in lower case, that may be a closing formula: most lines of a message begin with other words."""

Kind = Literal["regards", "signed", "maybe"]


def closing(line: str) -> Kind | None:
    """What kind of closing formula the line is, without blanks at its ends; None for another line.

    regards  ends a message: "Best regards", "Mvh Anna"
    signed   ends one where nothing stands below: "Thanks, Anna"
    maybe    ends one where a name stands below: "Thanks"
    """
    match = _CLOSING.fullmatch(line)
    if match is None:
        return None
    if match["regards"]:
        return "regards"
    if not match["maybe"]:
        return None
    if not match["name"]:
        return "maybe"
    return "signed" if "," in line else None


def is_slashed_name(line: str) -> bool:
    """Whether the line is a name as Swedes sign: /Anna."""
    return _SLASHED.fullmatch(line) is not None


def is_name(line: str) -> bool:
    """Whether the line can be a name: up to six words with capitals."""
    return _LONELY_NAME.fullmatch(line) is not None
