"""Claim: cleaning with all rules takes at least 2,000 tickets per second on one core.

The tickets are the demo's questions, each as customers send them: as typed, with errors of typing and encoding, as an e-mail with
quotation and signature, as HTML, with a phone number, dates and amounts. No package does all of this, so that the ratio is against
the 2,000 that are claimed. Seconds are those of the process, so that what else the machine does counts less.

    python -m benchmarks.cleaning [--tickets 6000]
"""

import argparse
import json
import random
import statistics
import time

import zaragoza_construction_faq as faq

from annotation.cleaning import apply_edits, names, prepare

CLAIMED = 2000
TURNS = 5


def tickets(count: int) -> list[str]:
    """Different ones, in English and Swedish, made the same way every time."""
    rng = random.Random(12)
    rows = [row for language in ("en", "sv") for row in faq.load(lang=language)]
    return [_sent(f"{rng.choice(rows)['q']} {rng.choice(rows)['a']}", number, rng) for number in range(count)]


def _sent(text: str, number: int, rng: random.Random) -> str:
    if number % 8 == 0:
        return f"{text}\n\nBest regards,\nAnn Berg\n+46 70 123 45 {rng.randrange(10, 99)}\n\nOn 5 Mar 2024, Bo <bo@acme.se> wrote:\n> {text}\n> ok\n"
    if number % 8 == 1:
        return f"<p>{text.replace('. ', '.<br>&nbsp;')}</p><p>Call me: 08-123 45 {rng.randrange(10, 99)}</p>"
    if number % 8 == 2:
        return text.encode().decode("latin-1")
    if number % 8 == 3:
        return f"{text}  Since {rng.randrange(13, 28)}/3/2024 14:30 I recieve  1.234,{rng.randrange(10, 99)} EUR, becuase of bo{number}@acme.se"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=6000)
    texts = tickets(parser.parse_args().tickets)

    recipe = prepare(names())
    for text in texts[:500]:  # word lists are read once
        recipe.clean(text)
    rates = []
    edits = 0
    for turn in range(TURNS):
        part = texts[turn::TURNS]
        began = time.process_time()
        results = [recipe.clean(text) for text in part]
        rates.append(len(part) / (time.process_time() - began))
        edits += sum(len(result.edits) for result in results)
        assert all(apply_edits(text, result.edits) == result.text for text, result in zip(part, results, strict=True))
    rate = statistics.median(rates)
    length = statistics.mean(map(len, texts))
    print(
        f"{len(texts)} tickets of {length:.0f} signs, all {len(names())} rules: {rate:.0f} per second, {edits / len(texts):.1f} edits each"
    )
    told = {"ratio": rate / CLAIMED, "reach": 1.0, "peer": f"{CLAIMED:,} tickets per second"}
    details = {
        "per second": round(rate),
        "slowest part": round(min(rates)),
        "signs each": round(length),
        "edits each": round(edits / len(texts), 1),
    }
    print(json.dumps({"benchmark": "cleaning", **told, **details}))


if __name__ == "__main__":
    main()
