"""Abbreviations written out by a glossary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from annotation.cleaning import options
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text
from annotation.cleaning.vocabulary import SERVED, WORD
from annotation.cleaning.wordlists import pairs

_SENTENCE_BEGINS = re.compile(r"(?:\A|\n|[.!?:…>•*–—-][\"'”’»)]*\s)[ \t]*[\"'“‘«„(¿¡]*\Z")
_SENTENCE_ENDS = re.compile(r"[ \t]*(?:\Z|\n)")
_TEXT_ENDS = re.compile(r"\s*\Z")
_NEXT = re.compile(r"[ \t]+(?P<word>[^\W\d_a-zà-öø-ÿ][^\W\d_]*)")
# What words that begin a sentence rather than being a noun or a name with a capital; the polite Sie and Ihr are left out.
_WORDS = """
the a it this that these those we i you they he she there please but and so then however thanks thank if when what why how can could my
el la los las un una lo yo ya si pero y no me mi se es en por gracias un cuando como qué cómo también además entonces luego
ich er es wir der die das den dem ein eine danach dann aber und wenn da jetzt bitte kann können hat was wie wo warum mein meine vielen
danke leider außerdem nun auch doch nach bei mit für in am im
le les une des je il elle nous vous ils on ce cette c j l et mais si quand merci ensuite puis alors pour dans mon ma mes
jag han hon det den de vi ni en ett men och om när var vad hur tack sedan sen nu kan min mitt mina
"""
_BEGIN = frozenset(_WORDS.split())
_ENUMERATE = ("usw.", "etc.", "osv.", "o. s. v.", "m. m.", "m. fl.")
"""Abbreviations that end a list: with a capital behind them they end the sentence too."""
_LEAD_ON = frozenset((
    "z. B.", "d. h.", "i. d. R.", "v. a.", "i. A.", "o. g.", "bzw.", "bzgl.", "inkl.", "zzgl.", "ca.", "wg.", "sog.", "mind.", "Tel.", "e. g.", "i. e.",
    "w. r. t.", "p. ej.", "p. e.", "tfno.", "tlf.", "tel.", "Avda.", "p. ex.", "c.-à-d.", "tél.", "av.", "Av.", "t. ex.", "bl. a.", "d. v. s.", "dvs.",
    "p. g. a.", "pga.", "fr. o. m.", "t. o. m.", "i st. f.", "ang.", "resp.", "exkl.", "kl.",
))  # fmt: skip
"""Abbreviations that something has to follow, so that no sentence ends with one inside a text: e.g. The Guardian."""

# What has to stand behind an abbreviation that has other meanings too.
_BEHIND = {
    # not avant, avril, avocat
    "av.": re.compile(r"[ \u00a0](?:d(?:e la |e l['’]|es? |u |['’]))?[^\W\d_a-zà-öø-ÿ][^\W\d_]"),
    # not a nurse
    "rn": re.compile(r"[ \t]*(?:\Z|[.,;!?)\n]|(?:and|but|so|because|since|i|please|pls)\b)", re.IGNORECASE),
}
_NUMBER_BEFORE = re.compile(r"[0-9][ \u00a0\u202f]?(?:[A-Za-zµ°Ω]{1,3}[ \u00a0\u202f])?\Z")
_NAMED = (
    r"opci[oó]n|letras?|tecla|bot[oó]n|variable|columna|fila|apartado|inciso|campo|valor|par[aá]metro|letters?|options?|keys?|button|column|field|parameter|"
    r"symbol|value|lettres?|touche|bouton|colonne|champ|param[èe]tre|valeur|buchstaben?|tastes?|taste|spalte|feld|wert|bokstav(?:en)?|tangent(?:en)?|"
    r"kolumn(?:en)?|knapp(?:en)?|fält(?:et)?|värdet?"
)
_IS_NAMED_BEFORE = re.compile(
    rf"(?:\b(?:{_NAMED}|greek|griega|grec|griechische|grekiska|pulsa|pulse|presiona|presione|teclea|escribe|press|type|enter|hit|tapez|appuyez sur|"
    rf"drücken sie|tryck(?:er)? (?:på )?)[ \t]+[\"'“‘«„]?|[\"'“‘«„])\Z",
    re.IGNORECASE,
)
_IS_NAMED_BEHIND = re.compile(rf"[\"'”’»]|[ \t]*=|[ \t]+(?:{_NAMED})\b", re.IGNORECASE)
_ARTICLE_BEFORE = re.compile(
    r"\b(?:the|an?|in|el|la|un|una|le|les|une|des|du|cette|ce|your|my|our|mi|tu|su|ma|ta|votre|notre)[ \t]+\Z",
    re.IGNORECASE,
)
_NO_NOUNS = frozenset(("rn", "bc", "tb", "tmb", "bn", "pq", "xq", "pr", "ds", "dc", "ns", "pdt", "pcq"))
"""Abbreviations of what never follows an article: behind one they mean something else."""
_SHORT = 3  # letters, without a full stop: they are units, keys and names of columns too


class _Entry(NamedTuple):
    """An abbreviation, ready to be looked for where its first word stands."""

    words: frozenset[str]
    pattern: re.Pattern[str]
    lead: int
    """Signs before its first word."""
    expansion: str
    is_lower: bool
    built_in: str
    """The abbreviation, where it is one of the built-in ones; of those only what is sure is written out."""
    within: tuple[int, ...]
    """Where the abbreviation stands inside its own expansion: VPN in "virtual private network (VPN)"."""


_Index = Mapping[str, list[_Entry]]


def prepare(*, glossary: Mapping[str, str] | None = None, built_in: bool = True) -> Look:
    """Writes abbreviations out. An entry in lower case also stands for its capitalised form and, from four letters on, for
    that in capitals (ASAP; ABT may be anything), one with capitals only for itself. A space in it may be missing in the text:
    "z. B." is "z.B." too. The built-in ones are left where they may be something else: capitalised within a sentence (Max.), a
    unit (2 tb), a key or a column (opción q).

    glossary   abbreviation → expansion, for all languages; goes before the built-in ones
    built_in   whether the short lists of the five languages count, in texts of their language
    """
    own = options.pairs("glossary", glossary)
    for abbreviation, expansion in own.items():
        if not WORD.search(abbreviation) or not expansion.strip():
            raise CleaningInputError(
                f"glossary: {abbreviation!r} = {expansion!r} is not an abbreviation with its expansion"
            )
    for language in SERVED if own else ():
        _refuse_circles({**(pairs("glossaries", language) if built_in else {}), **own})
    without_language = _index(own, own)
    indexes = {language: _with_built_in(language, own) if built_in else without_language for language in SERVED}
    return lambda text: _look(text, indexes, without_language)


def _look(text: Text, indexes: Mapping[str, _Index], without_language: _Index) -> Iterator[Change]:
    value = text.value
    index = indexes.get(text.language or "", without_language)
    words = text.vocabulary
    likely = {
        first: entries
        for first in index.keys() & words
        if (entries := [entry for entry in index[first] if entry.words <= words])
    }
    if not likely:
        return
    place = 0
    for word in WORD.finditer(value):
        for entry in likely.get(word[0].casefold(), ()):
            start = word.start() - entry.lead
            match = entry.pattern.match(value, start) if start >= place else None
            if match and not (
                text.is_fixed(*match.span())
                or _is_acronym(match, entry)
                or _reads_so_already(value, start, entry)
                or (entry.built_in and _may_be_else(match, entry))
            ):
                place = match.end()
                yield Change(start, place, _written_out(match, entry))
                break


def _written_out(match: re.Match[str], entry: _Entry) -> str:
    """The expansion with the match's capital, and its full stop where the sentence ends with it."""
    written, expansion = match[0], entry.expansion
    if written[0].isupper() and not (len(written) > 1 and written.isupper()):
        expansion = expansion[0].upper() + expansion[1:]
    if written.endswith(".") and not expansion.endswith(".") and _ends_sentence(match, entry):
        return expansion + "."
    return expansion


def _ends_sentence(match: re.Match[str], entry: _Entry) -> bool:
    """Whether the abbreviation's full stop is the sentence's too."""
    text, end = match.string, match.end()
    if _SENTENCE_ENDS.match(text, end):
        return entry.built_in not in _LEAD_ON or _TEXT_ENDS.match(text, end) is not None
    if entry.built_in in _LEAD_ON or not (follows := _NEXT.match(text, end)):
        return False
    return entry.built_in in _ENUMERATE or follows["word"].casefold() in _BEGIN


def _may_be_else(match: re.Match[str], entry: _Entry) -> bool:
    """Whether a built-in abbreviation may be a name, a unit, a key or whatever else is written so."""
    text, (start, end), written = match.string, match.span(), match[0]
    if entry.is_lower and written[0].isupper():
        if not written.isupper() and not _SENTENCE_BEGINS.search(text, max(0, start - 8), start):
            return True
        if entry.built_in == "max." and not re.match(r"[ \u00a0]?[0-9]", text[end : end + 2]):  # a name
            return True
    if (behind := _BEHIND.get(entry.built_in)) and not behind.match(text, end):
        return True
    if len(written) > _SHORT or not written.isalpha():
        return False
    before = text[max(0, start - 24) : start]
    if _NUMBER_BEFORE.search(before) or _IS_NAMED_BEFORE.search(before) or _IS_NAMED_BEHIND.match(text, end):
        return True
    return entry.built_in in _NO_NOUNS and _ARTICLE_BEFORE.search(before) is not None


def _is_acronym(match: re.Match[str], entry: _Entry) -> bool:
    """Whether capitals, that the glossary does not have, make another word of it."""
    return entry.is_lower and match[0].isupper() and 1 < len(match[0]) < 4 and match[0].isalpha()


def _reads_so_already(value: str, start: int, entry: _Entry) -> bool:
    """Whether the abbreviation is part of its expansion here already."""
    return any(offset <= start and value.startswith(entry.expansion[1:], start - offset + 1) for offset in entry.within)


def _with_built_in(language: str, own: Mapping[str, str]) -> _Index:
    return _index({**pairs("glossaries", language), **own}, own) if own else _built_in(language)


@cache
def _built_in(language: str) -> _Index:
    return _index(pairs("glossaries", language))


def _index(glossary: Mapping[str, str], own: Mapping[str, str] = MappingProxyType({})) -> _Index:
    """Entries by the first word of the abbreviation in lower case, longer ones first; those in `own` are not built in."""
    index: dict[str, list[_Entry]] = defaultdict(list)
    for abbreviation in sorted(glossary, key=len, reverse=True):
        first = WORD.search(abbreviation)
        if first:
            built_in = "" if abbreviation in own else abbreviation
            index[first[0].casefold()].append(_entry(abbreviation, glossary[abbreviation], first.start(), built_in))
    return dict(index)


def _entry(abbreviation: str, expansion: str, lead: int, built_in: str = "") -> _Entry:
    anywhere = 0 if any(map(str.isupper, abbreviation)) else re.IGNORECASE
    parts = r"[ \u00a0\u202f]?".join(map(re.escape, abbreviation.split()))
    pattern = re.compile(rf"(?<![\w@/.\-'’]){parts}(?![\w@/\-'’]|\.\w)", anywhere)
    within = tuple(match.start() for match in pattern.finditer(expansion))
    words = frozenset(WORD.findall(abbreviation.casefold()))
    return _Entry(words, pattern, lead, expansion, bool(anywhere), built_in, within)


def _refuse_circles(glossary: Mapping[str, str]) -> None:
    """An expansion that holds an abbreviation whose own expansion leads back would grow for ever."""
    entries = {abbreviation: _entry(abbreviation, expansion, 0) for abbreviation, expansion in glossary.items()}
    holds = {
        one: {other for other, entry in entries.items() if other != one and entry.pattern.search(expansion)}
        for one, expansion in glossary.items()
    }
    while ready := [one for one, others in holds.items() if not others & holds.keys()]:
        for one in ready:
            del holds[one]
    if holds:
        raise CleaningInputError(f"glossary: the expansions of {', '.join(sorted(holds))} lead back to each other")


RULE = Rule(
    name="abbreviations",
    title="Abbreviations",
    prepare=prepare,
    leaves="Code, addresses, parts of longer words, and texts whose language is not known (but for a glossary of one's own).",
)
