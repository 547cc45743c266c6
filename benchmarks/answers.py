"""Answers and references for the benchmarks of text metrics: the demo's own, a fifth of the words of each answer changed."""

import random

import zaragoza_construction_faq as faq

LONGEST = 400  # characters: a support answer of some seventy words


def answers(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """``count`` predictions and references, no two alike."""
    rng = random.Random(seed)
    texts = [str(entry["a"])[:LONGEST] for entry in faq.load(lang="en")]
    references = [texts[number % len(texts)] + f" ({number})" for number in range(count)]
    return [_changed(text, rng) for text in references], references


def _changed(text: str, rng: random.Random) -> str:
    words = text.split()
    return " ".join(rng.choice(words) if rng.random() < 0.2 else word for word in words)
