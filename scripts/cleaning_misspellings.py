"""Write annotation/cleaning/misspellings/codespell-en.txt.gz: what people type for English words, from the `codespell` package.

    uv venv /tmp/misspellings && uv pip install --python /tmp/misspellings codespell==2.4.3
    PYTHONPATH=. /tmp/misspellings/bin/python scripts/cleaning_misspellings.py

Kept are those of one correction, that is a single word of some frequency, and that no language here has as a word.
"""

import gzip
import sys
from collections import defaultdict
from pathlib import Path

import codespell_lib

from annotation.cleaning.vocabulary import known, zipf

DICTIONARY = Path(codespell_lib.__file__).parent / "data" / "dictionary.txt"
TARGET = Path(__file__).parents[1] / "annotation" / "cleaning" / "misspellings" / "codespell-en.txt.gz"
LEAST_ZIPF = 3.0  # a word in a million
LETTERS = range(4, 31)


def main() -> None:
    frequency, words = zipf("en"), known()
    wrong_of: dict[str, list[str]] = defaultdict(list)
    for line in DICTIONARY.read_text(encoding="utf-8").splitlines():
        wrong, _, right = line.partition("->")
        is_word = wrong.isalpha() and wrong == wrong.lower() and len(wrong) in LETTERS and right.isalpha()
        if is_word and wrong not in words and frequency.get(right, 0) >= LEAST_ZIPF:
            wrong_of[right].append(wrong)
    lines = [f"{right} {' '.join(sorted(wrong_of[right]))}\n" for right in sorted(wrong_of)]
    with TARGET.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write("".join(lines).encode())
    sys.stdout.write(f"{sum(map(len, wrong_of.values()))} misspellings of {len(wrong_of)} words\n")


if __name__ == "__main__":
    main()
