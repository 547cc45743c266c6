"""Constrained choice without a model: labels as a trie of tokens, and calibration. Plain Python.

The likelihood of a label is the product of its tokens' probabilities, the sum of their logs. It is *not* divided by the
number of tokens: labels are compared as the whole texts the model might write, which is what constrained decoding would do
with exact search. What a sum gets wrong is that some labels are rare texts whatever the ticket says (long ones above all).
`calibrate` mends that: it takes off each label's mean over inputs, so that only what *this* input changes counts. That is
the domain-conditional idea of Holtzman et al. 2021 ("Surface Form Competition", arXiv:2104.08315) with the empirical mean
over tickets in place of a null prompt, and close to the batch calibration of Zhou et al. 2023 (arXiv:2309.17249). It assumes
that labels are about equally frequent, which the untuned model's prior does not know either; a rare label gains by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from inference.backends.base import ChoiceOutput


@dataclass(frozen=True, slots=True)
class LabelTrie:
    """All labels' token sequences with shared beginnings stored once, ready to be one segment of a model's input.

    Node 0 is the root and stands for the prompt's last token. Nodes 1… are the label tokens that have a continuation, parents
    before children: `tokens[i]` its token, `parents[i]` its parent, `depths[i]` its distance from the root. The last token
    of a label is never fed, only scored. `steps[label]` lists (node, token): log p(token | node) summed is the label's score.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    steps: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def fed(self) -> int:
        """How many label tokens are fed to the model, the root not counted."""
        return len(self.tokens) - 1

    def ancestors(self, node: int) -> list[int]:
        """The node itself and all above it, the root excluded: what it may look at, besides the prompt."""
        line = []
        while node:
            line.append(node)
            node = self.parents[node]
        return line


def build_trie(sequences: Sequence[Sequence[int]]) -> LabelTrie:
    """The trie of one token sequence per label, in the labels' order. ValueError for an empty or repeated sequence."""
    if len({tuple(sequence) for sequence in sequences}) != len(sequences):
        raise ValueError("two labels are the same sequence of tokens and cannot be told apart")
    tokens, parents, depths = [-1], [0], [0]
    children: dict[tuple[int, int], int] = {}
    steps: list[tuple[tuple[int, int], ...]] = []
    for sequence in sequences:
        if not sequence:
            raise ValueError("a label without tokens cannot be scored")
        node = 0
        path = []
        for position, token in enumerate(sequence):
            path.append((node, token))
            if position == len(sequence) - 1:
                break
            if (node, token) not in children:
                children[node, token] = len(tokens)
                tokens.append(token)
                parents.append(node)
                depths.append(depths[node] + 1)
            node = children[node, token]
        steps.append(tuple(path))
    return LabelTrie(tuple(tokens), tuple(parents), tuple(depths), tuple(steps))


def best(choices: Sequence[str], scores: Mapping[str, float]) -> str:
    """The choice with the highest score; on a tie the first in `choices`."""
    return max(choices, key=lambda choice: scores[choice])


def label_means(outputs: Iterable[ChoiceOutput]) -> dict[str, float]:
    """Each label's mean log-likelihood over the outputs that scored it. Outputs with errors are left out."""
    collected: dict[str, list[float]] = {}
    for output in outputs:
        for label, value in output.log_likelihoods.items():
            collected.setdefault(label, []).append(value)
    return {label: fmean(values) for label, values in collected.items()}


def calibrate(outputs: Sequence[ChoiceOutput], means: Mapping[str, float] | None = None) -> list[ChoiceOutput]:
    """The condition `constrained-calibrated` from the outputs of `constrained`: no second pass of the model.

    `means` are those of `label_means`, over other inputs of the same task and model where there are some (the train split);
    left out, they are taken over `outputs` themselves, which uses their inputs but no reference. The log-likelihoods of the
    result are the differences. A label without a mean is a KeyError: it was never scored on the inputs of the means.
    """
    if means is None:
        means = label_means(outputs)
    return [_calibrated(output, means) for output in outputs]


def _calibrated(output: ChoiceOutput, means: Mapping[str, float]) -> ChoiceOutput:
    if output.finish_reason == "error":
        return output
    scores = {label: value - means[label] for label, value in output.log_likelihoods.items()}
    return replace(output, choice=best(list(scores), scores), log_likelihoods=scores)
