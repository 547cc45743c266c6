"""A text under way, with what several rules ask of it, found out once and only when asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from annotation.cleaning import language as languages
from annotation.cleaning import spans
from annotation.cleaning.spans import Fence, Span

_WORD_OR_NUMBER = re.compile(r"\w++(?:'\w{1,2}(?!\w))?+")  # is found in half the time that words alone take
_DIGITS = re.compile(r"[0-9]+")
_FAR = 1 << 62
_T = TypeVar("_T")


class once(Generic[_T]):
    """As `functools.cached_property`, without the lock that it has until Python 3.12 and that takes longer than most of what is
    found out here. Two threads that ask for the same would both find it out."""

    def __init__(self, find: Callable[[Any], _T]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __get__(self, text: Any, owner: type) -> _T:
        if text is None:
            raise AttributeError(self._find.__name__)  # a text has it, not the class
        found = text.__dict__[self._find.__name__] = self._find(text)
        return found


class Text:
    """`value` and, when asked for: its different words, its language, where its code is, and where nothing is prose.

    language  ISO 639-1, where the caller knows it; None: it is found
    """

    def __init__(self, value: str, language: str | None = None) -> None:
        self.value = value
        self._asked = language
        self._carried: str | None = None

    def changed(self, value: str) -> Text:
        """What a rule made of it, taken to be in the language that this one is in, so that it is found only once."""
        after = Text(value, self._asked)
        after._carried = self.known_language
        return after

    @once
    def is_plain(self) -> bool:
        """Whether nothing but letters and signs of Latin-1 stands in it, and ends of lines: most texts have nothing odd."""
        try:
            self.value.encode("latin-1")
        except UnicodeEncodeError:
            return False
        return self.value.replace("\n", "").isprintable()

    @once
    def folded(self) -> str:
        """The text without case (ß is ss), to look for words in; its places are not those of `value`."""
        return self.value.casefold()

    def says(self, words: tuple[str, ...]) -> bool:
        """Whether one of the words, in lower case, stands in it, also within another."""
        for word in words:  # noqa: SIM110 -- any() with its generator costs twice as much, and this runs on every text
            if word in self.folded:
                return True
        return False

    @once
    def vocabulary(self) -> set[str]:
        """Its different words, casefolded as the vocabulary's are; what has digits in it is not a word, and does no harm."""
        return set(_WORD_OR_NUMBER.findall(self.folded))

    @once
    def digits(self) -> list[Span]:
        """Where its runs of digits 0–9 are: most texts have few, and dates, numbers and accounts are looked for there only."""
        return [match.span() for match in _DIGITS.finditer(self.value)]

    @once
    def language(self) -> str | None:
        """ISO 639-1 of one of the served languages; None for another, or where too little is said to tell."""
        return self._asked or self._carried or self._found()

    @property
    def is_in_its_language(self) -> bool:
        """Whether it is in the language that was carried over from before it was changed, if one was."""
        return self._asked is not None or self._carried is None or self._carried == self._found()

    def _found(self) -> str | None:
        return languages.found(self.folded[: languages.MOST_SIGNS])

    @property
    def known_language(self) -> str | None:
        """The language as far as it was asked for until now."""
        return self.__dict__.get("language", self._asked or self._carried)

    @once
    def fences(self) -> list[Fence]:
        """The fenced code blocks, in order."""
        return spans.fences(self.value)

    @once
    def code(self) -> list[Span]:
        """Code blocks and code between backticks, in order and apart."""
        return spans.code(self.value, self.fences)

    @once
    def fixed(self) -> list[Span]:
        """What is written for machines: code, addresses of the web and of mail, paths, placeholders; in order and apart."""
        return spans.fixed(self.value, self.code)

    def in_code(self, start: int, end: int) -> bool:
        """Whether `value[start:end]` reaches into code."""
        return touches(self.code, start, end)

    def is_fixed(self, start: int, end: int) -> bool:
        """Whether `value[start:end]` reaches into what is written for machines."""
        return touches(self.fixed, start, end)


def touches(sorted_spans: list[Span], start: int, end: int) -> bool:
    """Whether a span that ends after `start` begins before `end`."""
    if not sorted_spans:
        return False
    last = bisect_right(sorted_spans, (end - 1, _FAR)) - 1
    return last >= 0 and sorted_spans[last][1] > start
