"""Label models against published tables, crowd-kit's own output, and slow implementations that follow the papers' formulas.

The numbers of crowd-kit are in labelmodel_crowdkit.json, written by labelmodel_crowdkit.py from crowd-kit 1.4.2.
"""

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from annotation.labelmodel import fit

# Dawid & Skene (1979), table 1: 45 patients; the first anaesthetist answered three times, the four others once.
ANAESTHETISTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212",
    "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111",
    "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111",
    "2322222 1211111 2222222",
)
OBSERVER_OF_COLUMN = (1, 1, 1, 2, 3, 4, 5)
PATIENTS = [
    (patient, observer, int(answer))
    for patient, answers in enumerate(" ".join(ANAESTHETISTS).split(), start=1)
    for observer, answer in zip(OBSERVER_OF_COLUMN, answers, strict=True)
]
CROWDKIT = json.loads(Path(__file__).with_name("labelmodel_crowdkit.json").read_text())


class TestDawidAndSkenesPatients:
    result = fit("dawid_skene", PATIENTS, max_iterations=1000, tolerance=1e-10)

    def test_prevalence_and_likelihood(self):
        """The paper prints .40 .42 .11 .07; four digits and the likelihood from independent programs."""
        assert self.result.converged
        assert self.result.priors == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=5e-5)
        assert self.result.history[-1] == pytest.approx(-192.8909, abs=5e-4)

    def test_the_first_anaesthetists_confusion(self):
        printed = [[0.889, 0.111, 0, 0], [0.071, 0.876, 0.053, 0], [0, 0.339, 0.661, 0], [0, 0, 0.556, 0.444]]
        assert self.result.quality.confusion[0] == pytest.approx(np.array(printed), abs=5e-4)

    def test_it_differs_from_the_majority_on_three_patients(self):
        majority = fit("majority", PATIENTS).labels
        changed = {p: (majority[p], label) for p, label in self.result.labels.items() if majority[p] != label}
        assert changed == {2: (3, 4), 12: (2, 3), 36: (3, 4)}


@pytest.mark.parametrize(
    ("name", "apart", "options"),
    [
        ("majority", 1e-12, {}),
        ("dawid_skene", 1e-9, {}),
        ("one_coin", 1e-9, {}),
        ("mace", 1e-9, {"restarts": 1, "seed": 3}),
        ("glad", 1e-6, {}),  # conjugate gradients amplify rounding
    ],
)
def test_posteriors_are_crowd_kits_after_the_same_iterations(name, apart, options):
    found = CROWDKIT["fits"][name]
    result = fit(name, CROWDKIT["votes"], max_iterations=found["iterations"], tolerance=0, **options)
    assert result.posteriors == pytest.approx(np.array(found["posteriors"]), abs=apart)


def crowd(items=30, workers=6, classes=3, seed=0, share=0.7):
    """Votes of workers whose chance to be right runs from 0.4 to 0.95; each item has one vote or more."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    votes = []
    for item in range(items):
        for worker in range(workers):
            if worker == item % workers or rng.random() < share:
                right = rng.random() < 0.4 + 0.55 * worker / (workers - 1)
                votes.append((item, worker, int(truth[item]) if right else int(rng.integers(0, classes))))
    return votes


def shares(votes, items, classes):
    table = [[0.0] * classes for _ in range(items)]
    for item, _, label in votes:
        table[item][label] += 1
    return [[cell / sum(row) for cell in row] for row in table]


def normal(row):
    return [cell / sum(row) for cell in row]


def slow_dawid_skene(votes, items, workers, classes, iterations, smoothing=0.0):
    """Equations 2.3 to 2.5 of the paper, cell by cell."""
    posterior = shares(votes, items, classes)
    for _ in range(iterations):
        prior = [sum(row[k] for row in posterior) / items for k in range(classes)]
        counts = [[[smoothing] * classes for _ in range(classes)] for _ in range(workers)]
        for item, worker, label in votes:
            for k in range(classes):
                counts[worker][k][label] += posterior[item][k]
        new = [list(prior) for _ in range(items)]
        for item, worker, label in votes:
            for k in range(classes):
                new[item][k] *= counts[worker][k][label] / sum(counts[worker][k])
        posterior = [normal(row) for row in new]
    return np.array(posterior)


def slow_one_coin(votes, items, workers, classes, iterations, prior):
    posterior = shares(votes, items, classes)
    for _ in range(iterations):
        right, total = [float(prior[0])] * workers, [float(sum(prior))] * workers
        for item, worker, label in votes:
            right[worker] += posterior[item][label]
            total[worker] += 1
        new = [[sum(row[k] for row in posterior) / items for k in range(classes)] for _ in range(items)]
        for item, worker, label in votes:
            skill = right[worker] / total[worker]
            for k in range(classes):
                new[item][k] *= skill if k == label else (1 - skill) / (classes - 1)
        posterior = [normal(row) for row in new]
    return np.array(posterior)


def slow_generative(votes, functions, items, workers, classes, iterations, accuracy=0.7, strength=4.0):
    """Speaking or not, and then a label; `functions` were asked about every item. votes: {(item, worker): label or None}"""
    asked = set(votes) | {(item, worker) for item in range(items) for worker in functions}
    spoken = [(item, worker, label) for (item, worker), label in votes.items() if label is not None]
    posterior = [[1 / classes] * classes for _ in range(items)]
    for item, row in enumerate(
        shares([*spoken, *((i, 0, k) for i in range(items) for k in range(classes))], items, classes)
    ):
        own = [label for i, _, label in spoken if i == item]
        posterior[item] = [own.count(k) / len(own) for k in range(classes)] if own else row
    answers, chances = defaultdict(int), defaultdict(int)
    for item, worker in asked:
        chances[worker] += 1
        answers[worker] += votes.get((item, worker)) is not None
    for _ in range(iterations):
        speaks, says = {}, {}
        for w in range(workers):
            for k in range(classes):
                opportunities = sum(posterior[i][k] for i, worker in asked if worker == w)
                said = sum(posterior[i][k] for i, worker, _ in spoken if worker == w)
                speaks[w, k] = (said + 2 * answers[w] / chances[w]) / (opportunities + 2)
                for l in range(classes):  # noqa: E741 the label, as in the paper
                    times = sum(posterior[i][k] for i, worker, label in spoken if worker == w and label == l)
                    prior = strength * (accuracy if k == l else (1 - accuracy) / (classes - 1))
                    says[w, k, l] = (times + prior) / (said + strength)
        new = [[sum(row[k] for row in posterior) / items for k in range(classes)] for _ in range(items)]
        for item, worker in asked:
            label = votes.get((item, worker))
            for k in range(classes):
                silent = 1 - speaks[worker, k]
                new[item][k] *= silent if label is None else speaks[worker, k] * says[worker, k, label]
        posterior = [normal(row) for row in new]
    return np.array(posterior)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_dawid_skene_is_the_papers_formula(seed, smoothing):
    votes = crowd(seed=seed)
    result = fit("dawid_skene", votes, max_iterations=8, tolerance=0, smoothing=smoothing)
    assert result.posteriors == pytest.approx(slow_dawid_skene(votes, 30, 6, 3, 8, smoothing), abs=1e-8)


@pytest.mark.parametrize("prior", [(0.0, 0.0), (3.0, 1.0)])
def test_one_coin_is_its_formula(prior):
    votes = crowd(seed=11, classes=4)
    result = fit("one_coin", votes, max_iterations=8, tolerance=0, prior=prior)
    assert result.posteriors == pytest.approx(slow_one_coin(votes, 30, 6, 4, 8, prior), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_generative_is_its_formula_with_functions_and_people_in_one_model(seed):
    rng = np.random.default_rng(seed)
    votes = {}
    for item, worker, label in crowd(seed=seed, share=0.5):
        if worker < 3:  # functions: silent where there is no row
            votes[item, worker] = label
        else:  # people: now and then they cannot tell
            votes[item, worker] = None if rng.random() < 0.2 else label
    rows = [(item, worker, label) for (item, worker), label in votes.items()]
    kinds = {0: "function", 1: "function", 2: "function", 3: "person"}
    result = fit("generative", rows, max_iterations=6, tolerance=0, kinds=kinds)
    slow = slow_generative(votes, (0, 1, 2), 30, 6, 3, 6)
    told = ~np.isnan(result.posteriors[:, 0])
    assert told.sum() > 25
    assert result.posteriors[told] == pytest.approx(slow[told], abs=1e-8)


def test_glad_stands_on_a_maximum_of_its_density():
    """At the end no small step of any ability or easiness raises the log density, written out from the paper."""
    votes = crowd(items=12, workers=5, seed=2)
    result = fit("glad", votes, max_iterations=400, tolerance=1e-12, ascent_tolerance=1e-6, ascent_steps=200)
    ability, easiness = result.parameters["ability"], -np.log(result.parameters["difficulty"])

    def density(ability, easiness):
        total = -((ability - 1) ** 2).sum() / 2 - ((easiness - 1) ** 2).sum() / 2
        for item in range(12):
            chances = [math.log(1 / 3)] * 3
            for voted, worker, label in votes:
                if voted == item:
                    right = 1 / (1 + math.exp(-ability[worker] * math.exp(easiness[item])))
                    chances = [c + math.log(right if k == label else (1 - right) / 2) for k, c in enumerate(chances)]
            total += math.log(sum(math.exp(c) for c in chances))
        return total

    best = density(ability, easiness)
    assert result.history[-1] == pytest.approx(best, abs=1e-9)
    for which in range(5):
        for sign in (-1, 1):
            assert density(ability + sign * 0.02 * (np.arange(5) == which), easiness) < best
    for which in range(12):
        for sign in (-1, 1):
            assert density(ability, easiness + sign * 0.02 * (np.arange(12) == which)) < best


@pytest.mark.parametrize(
    ("seed", "right", "brier"), [(0, 0.88348, 0.08684), (1, 0.87196, 0.09844), (2, 0.88487, 0.08033)]
)
def test_generative_labels_as_well_as_snorkel(seed, right, brier):
    """Eight functions of 20 to 70 % coverage that are right in 60 to 90 %. The figures are those of snorkel 0.10.0 on the
    same votes: LabelModel(cardinality=2).fit(votes, n_epochs=500, seed=1, class_balance=[0.6, 0.4])."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(2000) < 0.4).astype(int)
    votes = np.full((2000, 8), -1)
    for function in range(8):
        coverage, accuracy = rng.uniform(0.2, 0.7), rng.uniform(0.6, 0.9)
        fires = rng.random(2000) < coverage
        votes[fires, function] = np.where(rng.random(fires.sum()) < accuracy, truth[fires], 1 - truth[fires])
    item, function = np.indices(votes.shape)
    arrays = (item.ravel(), function.ravel(), votes.ravel())
    kinds = dict.fromkeys(range(8), "function")
    result = fit("generative", arrays, abstain=-1, kinds=kinds, class_priors=[0.6, 0.4])
    told = (votes >= 0).any(axis=1)
    assert np.mean(result.posteriors[told].argmax(axis=1) == truth[told]) == pytest.approx(right, abs=0.005)
    assert np.mean((result.posteriors[told, 1] - truth[told]) ** 2) == pytest.approx(brier, abs=0.004)
