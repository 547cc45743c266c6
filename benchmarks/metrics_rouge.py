"""Claim: ROUGE-1, ROUGE-2 and ROUGE-L of the same answers are at least ten times as quick as rouge-score's, with equal values.

Both stem, both score every pair, and ours begins each turn without its cache of words. In one process, no threads.

    python -m benchmarks.metrics_rouge [--answers 3000] [--turns 3]
"""

import argparse
from importlib.metadata import version

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.answers import answers
from benchmarks.turns import tell, turns
from evaluation.metrics import compute, tokens

NAMES = ("rouge1", "rouge2", "rougeL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=3000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    predictions, references = answers(options.answers)
    scorer = RougeScorer(NAMES, use_stemmer=True)

    def ours() -> dict[str, np.ndarray]:
        tokens.forget()
        return {name: compute(name, predictions, references).per_example for name in NAMES}

    def theirs() -> dict[str, np.ndarray]:
        scores = [scorer.score(reference, text) for text, reference in zip(predictions, references, strict=True)]
        return {name: np.array([score[name].fmeasure for score in scores]) for name in NAMES}

    compute("rouge1", ["warm"], ["up"])
    seconds, values = turns({"ours": ours, "theirs": theirs}, options.turns)
    apart = max(float(np.abs(values["ours"][name] - values["theirs"][name]).max()) for name in NAMES)
    claim = f"ROUGE-1, ROUGE-2 and ROUGE-L of {options.answers:,} answers"
    peer = f"rouge-score {version('rouge-score')}"
    tell("metrics_rouge", claim, peer, seconds["ours"], seconds["theirs"], 10.0, **{"values apart": f"{apart:.1e}"})


if __name__ == "__main__":
    main()
