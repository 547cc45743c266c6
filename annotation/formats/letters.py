"""Which encoding with one byte per character a Latin text is in: the one in which its letters are those of a language.

A byte above 127 is a letter in every such encoding: 0xE5 is å in cp1252 and ĺ in cp1250. Each reading is weighed by how often a
language of that encoding's region has the letters that come out, relative to its other letters with accents.
"""

import math
import re
from collections import Counter

# Letters with accents, of a thousand of them in running text, roughly. Each language's are its own alphabet's.
_WESTERN = {
    "fr": "é560 à140 è110 ê65 ç25 ô20 î15 û15 ù15 â15 œ8 ï4 ë3 ü1 ÿ1",
    "es": "ó310 á220 í210 é130 ñ90 ú40 ü4",
    "pt": "ã200 ç150 á150 é130 í90 ó70 ê60 õ50 ú30 à30 â25 ô10",
    "de": "ü380 ä300 ö170 ß140 é5",
    "sv": "ä420 å330 ö240 é10",
    "da": "å380 ø350 æ230 é15 ö2 ä2",
    "fi": "ä880 ö100 å10 é5",
    "it": "è330 à300 ò130 ù90 ì90 é60",
    "nl": "ë430 é330 ï120 ö40 ü30 è30 ê10 à5 ç5",
    "ca": "à270 ó200 í150 é130 è110 ò50 ú40 ï40 ç30 ü10",
    "is": "ð220 á180 í150 þ120 ó90 ö80 æ60 é50 ú50 ý20",
    "et": "ä430 õ340 ü190 ö60 š5 ž5",
}
_CENTRAL = {
    "pl": "ł210 ę170 ą150 ż120 ó110 ś100 ć70 ń40 ź10",
    "cs": "í220 á160 ě110 é90 ř80 š70 č70 ý70 ž70 ů40 ú20 ň4 ť3 ď3 ó2",
    "sk": "á200 í130 č110 é100 ž100 š90 ý90 ú80 ť70 ľ50 ň20 ô20 ď20 ä10 ó10 ŕ1 ĺ1",
    "hu": "á310 é290 ö90 ó90 ő80 í60 ü55 ú25 ű15",
    "ro": "ă420 î180 ş180 ţ160 â60",
    "hr": "č300 š290 ž170 ć130 đ60",
    "de": _WESTERN["de"],
}
_TURKISH = {"tr": "ı400 ü150 ş140 ğ100 ç100 ö70 â5 î2"}
_BALTIC = {
    "lt": "ė200 š180 ų160 ž120 ą110 į100 ū80 č60 ę40",
    "lv": "ā340 ī180 ē180 š90 ū70 ņ50 ļ40 ž30 č20 ķ20 ģ10",
    "et": _WESTERN["et"],
}
# The likelier an encoding is beforehand, the further to the front; where two read a text alike, the first is taken.
_CANDIDATES = (
    ("cp1252", _WESTERN),
    ("cp1250", _CENTRAL),
    ("iso8859_2", _CENTRAL),
    ("cp1254", _TURKISH),
    ("cp1257", _BALTIC),
    ("iso8859_15", _WESTERN),
    ("iso8859_9", _TURKISH),
    ("mac_roman", _WESTERN),
    ("cp850", _WESTERN),
    ("cp852", _CENTRAL),
    ("cp437", _WESTERN),
)
_FURTHER_BACK = 1.0  # what each place further back costs, as a logarithm

_COMMON_SIGNS = frozenset("„“”«»‘’–—…€¿¡°\xa0")
_RARE_SIGNS = frozenset("‚‹›§·•£©®™´ªº²³½×\xad")
_WITHIN_WORDS = frozenset("’·\xad")
_COMMON, _RARE = math.log(0.2), math.log(0.02)
_FOREIGN = math.log(1e-3)  # a letter that the language does not have
_ODD = math.log(1e-5)  # what no text has: a sign between two letters, a capital after a small letter
_MAKES_SENSE = math.log(5e-3)  # per character; below, the text is in none of these
_HIGH = re.compile(r"[^\x00-\x7f]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")


def latin_encoding(sample: bytes) -> str | None:
    """The encoding in which `sample` is text of a Latin script; None where it looks like another script, or like nothing."""
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    in_runs = sum(len(run[0]) for run in _HIGH_RUN.finditer(sample))
    if not high or in_runs > 0.6 * high:  # in other scripts nearly every byte is above 127
        return None
    weights = {
        name: _weight(sample.decode(name, "replace"), languages) - place * _FURTHER_BACK
        for place, (name, languages) in enumerate(_CANDIDATES)
    }
    best = max(weights, key=weights.__getitem__)
    return best if weights[best] > high * _MAKES_SENSE else None


def _weight(text: str, languages: dict[str, str]) -> float:
    """The logarithm of how likely the characters above 127 are in the likeliest of the languages, or in all of them mixed."""
    letters: Counter[str] = Counter()
    others = 0.0
    around = Counter(text[max(at.start() - 1, 0) : at.start() + 2].rjust(3) for at in _HIGH.finditer(f"{text} "))
    for three, times in around.items():
        before, sign, after = three[0], three[1], three[2]
        if sign in _COMMON_SIGNS or sign in _RARE_SIGNS:
            inside = before.isalpha() and after.isalpha() and sign not in _WITHIN_WORDS
            others += times * (_ODD if inside else _COMMON if sign in _COMMON_SIGNS else _RARE)
        elif not sign.isalpha():
            others += times * _ODD
        else:
            letters["i" if sign == "İ" else sign.lower()] += times
            if sign.isupper() and before.islower():
                others += times * _ODD
    tables = [_frequencies(language) for language in languages.values()]
    mixed = {
        letter: sum(table.get(letter, 0) for table in tables) / len(tables) for table in tables for letter in table
    }
    return others + max(
        sum(times * (math.log(table[letter]) if letter in table else _FOREIGN) for letter, times in letters.items())
        for table in (*tables, mixed)
    )


def _frequencies(language: str) -> dict[str, float]:
    counts = {entry[0]: int(entry[1:]) for entry in language.split()}
    return {letter: count / sum(counts.values()) for letter, count in counts.items()}
