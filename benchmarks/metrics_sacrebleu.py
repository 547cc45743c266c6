"""Claim: corpus BLEU and chrF are at least three times as quick as sacrebleu's, with equal values.

sacrebleu begins each turn without its cache of tokenized texts; ours has none. In one process, no threads.

    python -m benchmarks.metrics_sacrebleu [--answers 2000] [--turns 3]
"""

import argparse
from importlib.metadata import version

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

from benchmarks.answers import answers
from benchmarks.turns import tell, turns
from evaluation.metrics import compute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    predictions, references = answers(options.answers)

    for name, title, peer in (("bleu", "BLEU", BLEU()), ("chrf", "chrF", CHRF())):

        def theirs(peer: BLEU | CHRF = peer) -> float:
            Tokenizer13a.__call__.cache_clear()
            TokenizerRegexp.__call__.cache_clear()
            return float(peer.corpus_score(predictions, [references]).score)

        def ours(name: str = name) -> float:
            value = compute(name, predictions, references).value
            assert value is not None
            return value

        seconds, values = turns({"ours": ours, "theirs": theirs}, options.turns)
        claim = f"corpus {title} of {options.answers:,} answers"
        apart = {"values apart": f"{abs(values['ours'] - values['theirs']):.1e}"}
        said = f"sacrebleu {version('sacrebleu')}"
        tell("metrics_sacrebleu", claim, said, seconds["ours"], seconds["theirs"], 3.0, **apart)


if __name__ == "__main__":
    main()
