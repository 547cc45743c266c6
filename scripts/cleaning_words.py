"""Write annotation/cleaning/words/: how frequent words are, from the `wordfreq` package (needed only here).

    uv venv /tmp/words && uv pip install --python /tmp/words wordfreq==3.1.1
    /tmp/words/bin/python scripts/cleaning_words.py

The five served languages get words down to 0.2 in a million; those that only help to tell languages apart, down to 20.
"""

import gzip
import math
import string
import sys
from collections import defaultdict
from pathlib import Path

from wordfreq import get_frequency_dict

FOLDER = Path(__file__).parents[1] / "annotation" / "cleaning" / "words"
SERVED = ("en", "es", "de", "fr", "sv")
NEIGHBOURS = ("pt", "it", "ca", "nl", "da", "nb", "fi", "pl")
LEAST_SERVED = 2.3  # Zipf: log10 of occurrences in a billion words, van Heuven et al. 2014
LEAST_NEIGHBOUR = 4.3


def steps(language: str, least: float) -> dict[float, list[str]]:
    """Words by their Zipf frequency, rounded to a tenth; single letters only where they are words."""
    found: dict[float, list[str]] = defaultdict(list)
    for word, frequency in get_frequency_dict(language, "best").items():
        zipf = round(math.log10(frequency) + 9, 1)
        letters = word.replace("'", "")
        if zipf >= least and letters.isalpha() and (len(word) > 1 or word not in string.ascii_lowercase or zipf >= 6):
            found[zipf].append(word)
    return found


def main() -> None:
    for language in SERVED + NEIGHBOURS:
        words = steps(language, LEAST_SERVED if language in SERVED else LEAST_NEIGHBOUR)
        lines = [f"{zipf:.1f} {' '.join(sorted(words[zipf]))}\n" for zipf in sorted(words, reverse=True)]
        with (FOLDER / f"{language}.txt.gz").open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write("".join(lines).encode())
        sys.stdout.write(f"{language} {sum(map(len, words.values()))}\n")


if __name__ == "__main__":
    main()
