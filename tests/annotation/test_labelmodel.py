"""Label models: what holds for each of them, what each is for, and votes that determine nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.labelmodel import UnknownLabelModelError, VoteError, describe, fit, names

MODELS = ("majority", "dawid_skene", "one_coin", "mace", "glad", "generative")
ITERATED = MODELS[1:]
NAN = float("nan")

rows = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from("abcd"), st.sampled_from(["no", "maybe", "yes", None])), max_size=40
)
model = st.sampled_from(MODELS)


def crowd(items=400, skills=(0.9, 0.8, 0.7, 0.6, 0.5), classes=3, seed=0, share=1.0):
    """Votes of workers who are right with their skill and otherwise say another class; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    votes = [
        (item, worker, int(truth[item] if rng.random() < skill else (truth[item] + rng.integers(1, classes)) % classes))
        for item in range(items)
        for worker, skill in enumerate(skills)
        if rng.random() < share
    ]
    return votes, truth


def share_right(result, truth):
    return np.mean([label == truth[item] for item, label in result.labels.items()])


class TestTheRegistry:
    def test_lists_the_models_the_baseline_first(self):
        assert tuple(names()) == MODELS

    def test_each_says_what_it_is(self):
        for name, about in describe().items():
            assert about.name == name and about.text and about.source and about.use and about.blind_spot
            assert all(option in about.text for option in about.options), name

    def test_a_name_that_nobody_has_is_refused_with_near_ones(self):
        with pytest.raises(UnknownLabelModelError, match="dawid_skene"):
            fit("dawid-skene", [])

    def test_an_option_of_another_model_is_refused(self):
        with pytest.raises(VoteError, match="majority has no option 'smoothing'"):
            fit("majority", [("i", "w", 1)], smoothing=1)

    def test_it_imports_without_django(self):
        code = (
            "import sys, annotation.labelmodel as m; m.names(); print('django' in sys.modules, 'pandas' in sys.modules)"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == ["False", "False"]


def test_the_pages_example_gives_what_it_says():
    page = (Path(__file__).parents[2] / "docs" / "labelmodels.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    names_in_it: dict = {}
    exec(code, names_in_it)
    result = names_in_it["result"]
    said = {line.split("#")[0].strip(): line.split("#", 1)[1].strip() for line in code.splitlines() if "  # " in line}
    assert result.labels == eval(said["result.labels"])
    assert result.warnings == eval(said["result.warnings"])


class TestEveryModel:
    @given(name=model, votes=rows)
    @settings(max_examples=150, deadline=None)
    def test_posteriors_are_distributions_or_absent(self, name, votes):
        result = fit(name, votes, max_iterations=30)
        told = {item for item, _, label in votes if label is not None}
        assert set(result.items) == {item for item, _, _ in votes}
        for item, row in zip(result.items, result.posteriors, strict=True):
            if item in told:
                assert row.sum() == pytest.approx(1) and (row >= 0).all()
                assert result.labels[item] in result.classes
            else:
                assert np.isnan(row).all() and result.labels[item] is None
        if result.quality:
            accuracy, low, high = result.quality.accuracy, result.quality.ci_low, result.quality.ci_high
            bounded = ~np.isnan(low)
            assert (low[bounded] <= accuracy[bounded] + 1e-9).all() and (
                accuracy[bounded] <= high[bounded] + 1e-9
            ).all()
            for worker in result.workers:
                interval = result.quality.of(worker)
                assert interval.reason or not np.isnan(interval.ci_low)

    @given(name=st.sampled_from(["dawid_skene", "one_coin", "mace", "generative", "glad"]), votes=rows)
    @settings(max_examples=100, deadline=None)
    def test_no_iteration_loses_what_another_gained(self, name, votes):
        history = fit(name, votes, max_iterations=25, tolerance=0).history
        assert (np.diff(history) >= -1e-6).all()

    @pytest.mark.parametrize("name", MODELS)
    def test_the_order_of_votes_does_not_matter(self, name):
        votes, _ = crowd(items=80, share=0.7)
        shuffled = [votes[at] for at in np.random.default_rng(1).permutation(len(votes))]
        one, other = fit(name, votes, max_iterations=10), fit(name, shuffled, max_iterations=10)
        assert one.items == other.items
        np.testing.assert_array_equal(one.posteriors, other.posteriors)

    @pytest.mark.parametrize("name", [name for name in MODELS if name != "mace"])  # its random start knows the order
    def test_the_names_of_classes_and_workers_do_not_matter(self, name):
        votes, _ = crowd(items=80, share=0.7)
        renamed = [(item, f"w{9 - worker}", "zyx"[label]) for item, worker, label in votes]
        # Line searches amplify rounding, so GLAD's climbs are compared at their end.
        to_the_end = {"max_iterations": 300, "ascent_tolerance": 1e-6, "ascent_steps": 200} if name == "glad" else {}
        one, other = (fit(name, given, **({"max_iterations": 10} | to_the_end)) for given in (votes, renamed))
        apart = 1e-3 if name == "glad" else 1e-9
        np.testing.assert_allclose(one.posteriors, other.posteriors[:, ::-1], atol=apart)
        np.testing.assert_allclose(one.quality.accuracy, other.quality.accuracy[::-1], atol=apart)

    @pytest.mark.parametrize("name", MODELS)
    def test_it_labels_better_than_its_middling_worker(self, name):
        votes, truth = crowd()
        assert share_right(fit(name, votes), truth) > 0.82

    @pytest.mark.parametrize("name", MODELS)
    def test_it_finds_who_is_good(self, name):
        votes, _ = crowd(items=600, skills=(0.95, 0.8, 0.65, 0.5, 0.5, 0.4))
        accuracy = fit(name, votes).quality.accuracy
        assert accuracy[0] > accuracy[1] > accuracy[2] > accuracy[5]

    @pytest.mark.parametrize("name", MODELS)
    def test_gold_stays_and_teaches(self, name):
        """Three of four workers always say the wrong of two classes; fifty known answers turn that round."""
        rng = np.random.default_rng(3)
        truth = rng.integers(0, 2, 120)
        votes = [(item, worker, int(truth[item]) ^ (worker > 0)) for item in range(120) for worker in range(4)]
        gold = {item: int(truth[item]) for item in range(50)} | {"elsewhere": 1}
        result = fit(name, votes, gold=gold)
        assert all(result.labels[item] == truth[item] for item in range(50))
        assert result.posteriors[0, truth[0]] == 1
        assert result.quality.accuracy[0] > 0.4 > 0.2 > result.quality.accuracy[1] or name in (
            "glad",
            "mace",
            "majority",
        )
        if name in ("dawid_skene", "one_coin"):
            assert share_right(result, truth) == 1

    @pytest.mark.parametrize("name", MODELS)
    def test_sources_that_lie_are_found_out_by_a_majority_that_does_not(self, name):
        """Five of eight are right in nine of ten, three say the wrong of two classes in nine of ten."""
        votes, truth = crowd(items=400, skills=(0.9,) * 5 + (0.1,) * 3, classes=2, seed=6)
        result = fit(name, votes)
        assert share_right(result, truth) > (0.8 if name in ("majority", "mace") else 0.99)
        assert result.quality.accuracy[:5].min() > 0.6 > 0.4 > result.quality.accuracy[5:].max()

    @pytest.mark.parametrize("name", ITERATED)
    def test_convergence_is_told(self, name):
        votes, _ = crowd(items=100)
        short, long = fit(name, votes, max_iterations=2, tolerance=0), fit(name, votes, max_iterations=2000)
        assert not short.converged and short.iterations == 2 and "not converged after 2" in short.warnings[0]
        assert long.converged and long.iterations < 2000 and not any("converged" in told for told in long.warnings)

    @pytest.mark.parametrize("name", MODELS)
    def test_the_same_call_gives_the_same(self, name):
        votes, _ = crowd(items=60)
        np.testing.assert_array_equal(fit(name, votes).posteriors, fit(name, votes).posteriors)


class TestVotesThatDetermineNothing:
    @pytest.mark.parametrize("name", MODELS)
    def test_no_votes(self, name):
        result = fit(name, [])
        assert (result.labels, result.items, result.classes, result.workers) == ({}, (), (), ())
        assert result.posteriors.shape == (0, 0) and result.quality is None and result.warnings == ("no votes",)

    @pytest.mark.parametrize("name", MODELS)
    def test_only_abstentions(self, name):
        result = fit(name, [("i", "w", None), ("j", "w", float("nan"))], classes=["a", "b"])
        assert result.labels == {"i": None, "j": None} and np.isnan(result.posteriors).all()
        assert result.quality is None and np.isnan(result.priors).all()

    @pytest.mark.parametrize("name", MODELS)
    def test_one_class(self, name):
        result = fit(name, [("i", "w", "a"), ("j", "v", "a"), ("k", "v", None)])
        assert result.labels == {"i": "a", "j": "a", "k": None} and result.quality is None
        assert "one class" in result.warnings[0]

    @pytest.mark.parametrize("name", MODELS)
    def test_one_worker(self, name):
        result = fit(name, [(item, "w", item % 2) for item in range(10)])
        assert result.labels == {item: item % 2 for item in range(10)}

    @pytest.mark.parametrize("name", MODELS)
    def test_one_vote(self, name):
        assert fit(name, [("i", "w", "a")], classes=["b", "a"]).labels == {"i": "a"}

    @pytest.mark.parametrize("name", MODELS)
    def test_all_ties_go_to_the_first_class_and_are_told(self, name):
        votes = [(item, worker, "ab"[worker]) for item in range(5) for worker in range(2)]
        result = fit(name, votes)
        assert result.tied.all() and set(result.labels.values()) == {"a"}

    @pytest.mark.parametrize("name", MODELS)
    def test_no_overlap(self, name):
        """Each item has a worker of its own."""
        result = fit(name, [(item, f"w{item}", item % 3) for item in range(9)])
        assert result.labels == {item: item % 3 for item in range(9)}
        assert "no item was labelled by two sources" in result.warnings[0]
        assert result.posteriors.max(axis=1) == pytest.approx(
            1.0 if name == "majority" else 0.7
        )  # a share; an assumption
        assert np.isnan(result.quality.accuracy).all() and "nobody else" in result.quality.of("w0").reason

    @pytest.mark.parametrize("name", ITERATED)
    def test_votes_that_nothing_checks_make_no_model_certain(self, name):
        """Whatever the sources and how the classes lie: without overlap each would follow its first guess to the end."""
        votes = [(1, 1, 0), (2, 1, 1), (3, 2, 0)]
        result = fit(name, votes)
        assert result.labels == {1: 0, 2: 1, 3: 0} and "70 of 100" in result.warnings[0]
        assert result.posteriors.max(axis=1) == pytest.approx(0.7)
        assert all(np.isnan(values).all() for values in result.parameters.values())
        known = fit(name, votes, class_priors={0: 0.9, 1: 0.1}, gold={4: 1}, items=[4, 5])
        assert known.posteriors[:2, 0] == pytest.approx([0.63 / 0.66, 0.27 / 0.34])
        assert known.labels[4] == 1 and known.labels[5] is None
        for checked in (fit(name, votes, gold={1: 0}), fit(name, [*votes, (3, 1, 0)])):
            assert not any("labelled by two" in told for told in checked.warnings)

    @pytest.mark.parametrize("name", MODELS)
    def test_a_worker_who_only_repeats_himself_has_nobody_beside_him(self, name):
        votes = [(item, "w", label) for item in range(6) for label in ("a", "b", "ab"[item % 2])]
        result = fit(name, votes)
        assert result.labels == {item: "ab"[item % 2] for item in range(6)}
        assert "nobody else" in result.quality.of("w").reason

    @pytest.mark.parametrize("name", ITERATED)
    def test_told_that_the_truth_is_what_nobody_said(self, name):
        """A prior that rules out every class voted for is obeyed, and said to be odd."""
        votes, _ = crowd(items=20)
        result = fit(name, votes, classes=[0, 1, 2, 3], class_priors=[0, 0, 0, 1])
        assert set(result.labels.values()) == {3} and any("worse than chance" in told for told in result.warnings)

    @pytest.mark.parametrize("name", MODELS)
    def test_a_class_that_nobody_says(self, name):
        votes, _ = crowd(items=50)
        result = fit(name, votes, classes=[0, 1, 2, "never"])
        assert result.posteriors.shape == (50, 4) and "never" not in result.labels.values()

    def test_one_worker_has_no_others_to_agree_with(self):
        interval = fit("majority", [(1, "w", "a"), (2, "w", "b")]).quality.of("w")
        assert np.isnan(interval.estimate) and "nobody else" in interval.reason

    def test_a_worker_who_only_abstains_has_no_quality(self):
        votes, _ = crowd(items=30)
        quality = fit("one_coin", [*votes, (1, 99, None)]).quality
        assert "abstentions" in quality.of(99).reason and quality.abstentions[quality.workers.index(99)] == 1
        with pytest.raises(KeyError):
            quality.of("stranger")


class TestWhatEachIsFor:
    def test_majority_counts_shares(self):
        result = fit("majority", [("i", "a", "x"), ("i", "b", "x"), ("i", "c", "y"), ("j", "a", "y")])
        assert result.posteriors.tolist() == [[pytest.approx(2 / 3), pytest.approx(1 / 3)], [0, 1]]
        assert result.iterations == 0 and result.converged

    def test_majority_measures_a_worker_by_the_others(self):
        """a and b agree, c differs: a is right by the tie of b and c (½), c wrong by both."""
        quality = fit("majority", [("i", "a", "x"), ("i", "b", "x"), ("i", "c", "y")]).quality
        assert quality.accuracy.tolist() == [0.5, 0.5, 0.0]

    def test_dawid_skene_reads_a_worker_who_swaps_two_classes(self):
        votes, truth = crowd(items=500, skills=(0.8, 0.8, 0.8))
        swap = {0: 1, 1: 0, 2: 2}
        votes += [(item, "swapper", swap[int(truth[item])]) for item in range(500)]
        votes = [(item, str(worker), label) for item, worker, label in votes]
        ours, vote = fit("dawid_skene", votes), fit("majority", votes)
        assert share_right(ours, truth) > 0.97 > share_right(vote, truth)
        confusion = ours.quality.confusion[ours.workers.index("swapper")]
        assert confusion == pytest.approx(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]), abs=0.05)

    def test_dawid_skene_warns_of_few_votes_a_worker(self):
        votes, _ = crowd(items=20)
        assert any("one_coin" in told for told in fit("dawid_skene", votes).warnings)

    def test_smoothing_keeps_a_worker_of_few_votes_from_extremes(self):
        votes, _ = crowd(items=200)
        votes = [(item, str(worker), label) for item, worker, label in votes] + [
            ("new", "newcomer", 1),
            ("new", "0", 2),
        ]
        sharp = fit("dawid_skene", votes).posteriors[-1].max()
        assert fit("dawid_skene", votes, smoothing=1.0, diagonal=2.0).posteriors[-1].max() < sharp

    def test_one_coin_estimates_skill(self):
        votes, _ = crowd(items=3000)
        assert fit("one_coin", votes).parameters["skill"] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5], abs=0.03)

    def test_mace_finds_the_spammer_and_his_habit(self):
        votes, _ = crowd(items=300, skills=(0.9, 0.85, 0.8))
        votes += [(item, 3, 2) for item in range(300)]
        found = fit("mace", votes, restarts=3)
        assert found.parameters["competence"][:3].min() > 0.6 and found.parameters["competence"][3] < 0.15
        assert found.parameters["habit"][3].argmax() == 2

    def test_mace_by_maximum_likelihood_finds_him_too(self):
        votes, _ = crowd(items=300, skills=(0.9, 0.85, 0.8))
        votes += [(item, 3, 2) for item in range(300)]
        found = fit("mace", votes, restarts=3, method="em", class_priors="estimated")
        assert found.parameters["competence"].argmin() == 3

    def test_glad_finds_difficult_items_and_able_workers(self):
        rng = np.random.default_rng(5)
        truth, easy = rng.integers(0, 2, 200), np.repeat([3.0, 0.2], 100)
        ability = np.array([2.0, 1.5, 1.5, 1.0, 1.0, 0.5, 0.5])
        right = rng.random((200, 7)) < 1 / (1 + np.exp(-easy[:, None] * ability))
        found = fit("glad", [(i, w, int(truth[i] == right[i, w])) for i in range(200) for w in range(7)])
        difficulty = found.parameters["difficulty"]
        assert np.median(difficulty[100:]) > 2 * np.median(difficulty[:100])
        assert found.parameters["ability"][0] > found.parameters["ability"][6]

    def test_generative_learns_from_the_silence_of_one_sided_functions(self):
        """Five functions only ever say "refund", on refunds mostly; one says "other". A confusion matrix of votes sees
        nothing in those who never say anything else; what they stay silent on is the whole of their knowledge."""
        rng = np.random.default_rng(8)
        truth = rng.random(2000) < 0.4
        votes = []
        for word in range(6):
            says, when, otherwise = (True, 0.75, 0.35) if word < 5 else (False, 0.6, 0.2)
            fires = np.flatnonzero(rng.random(2000) < np.where(truth == says, when, otherwise))
            votes += [(item, f"keyword {word}", "refund" if says else "other") for item in fires.tolist()]
        names_of_truth = np.where(truth, "refund", "other")
        kinds = {f"keyword {word}": "function" for word in range(6)}
        heard = fit("generative", votes, kinds=kinds)
        # Who knew all probabilities would label 85 to 88 of 100 rightly.
        assert share_right(heard, names_of_truth) > 0.83
        assert share_right(fit("majority", votes), names_of_truth) < 0.62
        assert share_right(fit("dawid_skene", votes), names_of_truth) < 0.62
        assert heard.parameters["coverage"][0] == pytest.approx([0.35, 0.75], abs=0.06)

    def test_generative_takes_a_kinds_prior(self):
        """Two sources that always differ: the votes cannot tell them apart, the priors of their kinds do."""
        votes = [(item, who, (item + (who == "model")) % 2) for item in range(10) for who in ("expert", "model")]
        kinds = {"expert": "person", "model": "model"}
        result = fit("generative", votes, kinds=kinds, kind_priors={"person": (0.95, 50.0), "model": (0.6, 50.0)})
        assert result.labels == {item: item % 2 for item in range(10)}
        assert result.quality.kinds == ("person", "model")

    def test_generative_does_not_take_an_unasked_person_for_silent(self):
        votes, _ = crowd(items=60, share=0.5)
        result = fit("generative", votes, kinds=dict.fromkeys(range(5), "person"))
        assert (result.parameters["coverage"] > 1 - 1e-9).all()

    def test_a_function_votes_once_an_item(self):
        votes = [(1, "f", "a"), (1, "f", "b"), (2, "f", "a")]
        with pytest.raises(VoteError, match="'f' votes twice on 1"):
            fit("generative", votes, kinds={"f": "function"})


class TestPriors:
    @pytest.mark.parametrize("name", ITERATED)
    def test_a_class_told_to_be_rare_is_said_less(self, name):
        votes, _ = crowd(items=100, skills=(0.6, 0.6, 0.5), classes=2)
        rare = fit(name, votes, class_priors={0: 0.02, 1: 0.98})
        even = fit(name, votes, class_priors="uniform")
        assert rare.posteriors[:, 0].sum() < even.posteriors[:, 0].sum()
        assert rare.priors.tolist() == [0.02, 0.98] and even.priors.tolist() == [0.5, 0.5]

    @pytest.mark.parametrize(
        ("priors", "said"),
        [
            ("even", "estimated"),
            ({0: 1.0}, "leaves out 1"),
            ([1.0], "one weight for each"),
            ([-1.0, 2.0], "0 and above"),
        ],
    )
    def test_priors_that_fit_no_classes_are_refused(self, priors, said):
        with pytest.raises(VoteError, match=said):
            fit("one_coin", [(1, "w", 0), (2, "w", 1)], class_priors=priors)

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("dawid_skene", {"smoothing": -1}), ("one_coin", {"prior": (-1, 0)}), ("mace", {"restarts": 0}), ("mace", {"method": "mcmc"}),
            ("mace", {"habit_prior": 0}), ("glad", {"ascent_steps": 0}), ("dawid_skene", {"smoothing": NAN}), ("one_coin", {"prior": (1, NAN)}),
            ("mace", {"habit_prior": NAN}), ("glad", {"ability_prior": NAN}), ("glad", {"ascent_tolerance": 0}), ("generative", {"strength": NAN}),
            ("generative", {"accuracy": 1.0}), ("generative", {"kind_priors": {"model": (0.7, -1)}}),
        ],
    )  # fmt: skip
    def test_options_out_of_range_are_refused(self, name, options):
        with pytest.raises(VoteError):
            fit(name, [(1, "w", 0), (2, "w", 1)], **options)

    @pytest.mark.parametrize(
        "bad", [{"max_iterations": 0}, {"tolerance": -1}, {"tolerance": float("nan")}, {"confidence": 95}]
    )
    def test_a_loop_or_interval_that_cannot_be_is_refused(self, bad):
        with pytest.raises(ValueError):
            fit("one_coin", [(1, "w", 0), (2, "w", 1)], **bad)
