"""Answers and references for the benchmarks of text metrics: the demo's own in ASCII, a fifth of the words of each changed."""

import random

import zaragoza_construction_faq as faq

LONGEST = 400  # characters: a support answer of some seventy words


def answers(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """``count`` predictions and references, no two alike."""
    rng = random.Random(seed)
    texts = [str(entry["a"])[:LONGEST].encode("ascii", "ignore").decode() for entry in faq.load(lang="en")]
    references = [_turned(texts[number % len(texts)], number // len(texts)) for number in range(count)]
    return [_changed(text, rng) for text in references], references


def _turned(text: str, words: int) -> str:
    """The text with its first words put last, so that it is another text of the same words."""
    parts = text.split()
    return " ".join(parts[words % len(parts) :] + parts[: words % len(parts)])


def _changed(text: str, rng: random.Random) -> str:
    words = text.split()
    return " ".join(rng.choice(words) if rng.random() < 0.2 else word for word in words)
