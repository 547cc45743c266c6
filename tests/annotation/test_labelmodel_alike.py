"""Near-duplicate sources: copies are named, good independent sources are not taken for copies."""

import numpy as np
import pytest

from annotation.labelmodel import fit, names

GOOD, MIDDLING = (0.97, 0.95, 0.8, 0.8, 0.7), (0.7,) * 5


def crowd(skills, items, classes, seed, copied=0.0):
    """Votes of everybody on every item; the second source takes over the first one's answer on a share of them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    right = rng.random((items, len(skills))) < np.array(skills)
    said = np.where(right, truth[:, None], (truth[:, None] + rng.integers(1, classes, right.shape)) % classes)
    said[:, 1] = np.where(rng.random(items) < copied, said[:, 0], said[:, 1])
    item, worker = np.indices(said.shape)
    return (item.ravel(), worker.ravel(), said.ravel()), truth


@pytest.mark.parametrize("name", names())
def test_a_copy_is_named_whatever_the_model(name):
    votes, _ = crowd(MIDDLING, 300, 2, 0, copied=0.95)
    result = fit(name, votes, max_iterations=20)
    (pair,) = result.alike
    assert (pair.first, pair.second, pair.items) == (0, 1, 300)
    assert pair.same > 270 > 240 > pair.expected
    assert any("0 and 1 gave the same answer on" in told and "counted twice" in told for told in result.warnings)


@pytest.mark.parametrize("skills", [GOOD, MIDDLING, (0.97, 0.97, 0.97, 0.97), (0.99, 0.99, 0.6, 0.6)])
def test_sources_that_agree_because_they_are_right_are_not(skills):
    for seed in range(10):
        votes, _ = crowd(skills, 250, 3, seed)
        assert fit("majority", votes).alike == ()


def test_leaving_the_copy_out_labels_better():
    """What the warning is for: a middling source and three copies of it outvote three good ones."""
    votes, truth = crowd((0.6, 0.6, 0.85, 0.85, 0.85), 600, 2, 1, copied=1.0)
    item, worker, label = votes
    (pair,) = fit("one_coin", votes).alike
    kept = worker != pair.second
    alone = fit("one_coin", (item[kept], worker[kept], label[kept]))
    right = [np.mean(result.posteriors.argmax(axis=1) == truth) for result in (fit("one_coin", votes), alone)]
    assert right[1] > right[0] + 0.05


def functions(items, seed, copied):
    """Six functions of one class each, two thirds of them right; the second fires where the first does on a share of items."""
    rng = np.random.default_rng(seed)
    truth = rng.random(items) < 0.5
    says = np.array([True, True, True, False, False, False])
    fires = rng.random((items, 6)) < np.where(truth[:, None] == says, 0.6, 0.2)
    fires[:, 1] = np.where(rng.random(items) < copied, fires[:, 0], fires[:, 1])
    item, word = np.nonzero(fires)
    return (item, word, says[word].astype(int))


def test_functions_of_one_class_agree_wherever_both_speak_and_are_no_copies():
    kinds = dict.fromkeys(range(6), "function")
    for seed in range(5):
        assert fit("generative", functions(800, seed, 0.0), kinds=kinds, items=range(800)).alike == ()
    (pair,) = fit("generative", functions(800, 0, 0.95), kinds=kinds, items=range(800)).alike
    assert (pair.first, pair.second) == (0, 1) and pair.same / pair.items > 0.8


def test_with_too_few_others_nobody_can_tell():
    votes, _ = crowd((0.9, 0.9, 0.7), 300, 3, 0, copied=1.0)
    assert fit("one_coin", votes).alike == ()


def test_it_is_seen_in_a_part_of_many_votes():
    votes, _ = crowd(MIDDLING, 100_000, 2, 0, copied=0.95)
    (pair,) = fit("majority", votes).alike
    assert (pair.first, pair.second) == (0, 1) and pair.items == 10_000
