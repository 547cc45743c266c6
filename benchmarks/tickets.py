"""Made-up tickets of real words: those of the demo's questions and answers, as often as they stand there."""

import random
import re
from collections import Counter

import numpy as np
import zaragoza_construction_faq as faq

LETTERS = "abcdefghijklmnopqrstuvwxyz "


def texts(count: int, words: int, *, spread: int, seed: int = 0) -> list[str]:
    """`count` texts of `words` words, give or take `spread`."""
    rng = np.random.default_rng(seed)
    entries = list(faq.load(lang="en"))
    known = Counter(re.findall(r"[\w’'-]+[.,?]?", " ".join(f"{entry['q']} {entry['a']}" for entry in entries)))
    vocabulary, often = list(known), np.array(list(known.values()), dtype=float)
    lengths = rng.integers(words - spread, words + spread + 1, count)
    drawn = iter(rng.choice(len(vocabulary), int(lengths.sum()), p=often / often.sum()).tolist())
    return [" ".join(vocabulary[next(drawn)] for _ in range(length)) for length in lengths.tolist()]


def with_near_copies(originals: list[str], share: float, *, seed: int = 0) -> list[str]:
    """The texts, of which a share is replaced by copies of others with one to three letters changed."""
    rng = random.Random(seed)
    made = list(originals)
    for at in rng.sample(range(len(made)), int(share * len(made))):
        letters = list(rng.choice(originals))
        for _ in range(rng.randint(1, 3)):
            letters[rng.randrange(len(letters))] = rng.choice(LETTERS)
        made[at] = "".join(letters)
    return made
