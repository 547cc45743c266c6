"""Calibration and the registry of backends: plain Python."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends import registry
from inference.backends.base import ChoiceOutput, Sampling
from inference.backends.choices import best, calibrate, label_means


def output(number, **scores):
    return ChoiceOutput(str(number), best(list(scores), scores), scores, tokens_in=3, seconds=0.1, concurrency=2)


def test_a_label_that_is_always_likely_no_longer_wins_always():
    outputs = [output(0, tax=-1.0, energy=-5.0), output(1, tax=-1.2, energy=-3.0)]
    assert [one.choice for one in outputs] == ["tax", "tax"]
    calibrated = calibrate(outputs)
    assert [one.choice for one in calibrated] == ["tax", "energy"]
    assert calibrated[0].log_likelihoods == pytest.approx({"tax": 0.1, "energy": -1.0})


def test_means_may_come_from_other_inputs():
    means = label_means([output(0, a=-2.0, b=-4.0), output(1, a=-4.0, b=-4.0)])
    assert means == {"a": -3.0, "b": -4.0}
    (calibrated,) = calibrate([output(2, a=-3.5, b=-4.2)], means)
    assert calibrated.choice == "b"


def test_a_failed_output_stays_failed_and_does_not_count():
    failed = ChoiceOutput(
        "x", "", {}, tokens_in=9000, seconds=0, concurrency=1, finish_reason="error", error="too long"
    )
    calibrated = calibrate([output(0, a=-1.0, b=-2.0), failed])
    assert calibrated[1] == failed
    assert calibrated[0].log_likelihoods == {"a": 0.0, "b": 0.0}
    assert calibrated[0].choice == "a"


@given(
    st.lists(st.lists(st.floats(-50, 0), min_size=3, max_size=3), min_size=1, max_size=20),
    st.lists(st.floats(-9, 9), min_size=3, max_size=3),
)
def test_a_labels_own_length_or_rarity_changes_nothing(rows, shift):
    """Adding a constant to one label's log-likelihood everywhere, as a longer text does, leaves calibrated scores as they were."""
    plain = calibrate([output(n, a=a, b=b, c=c) for n, (a, b, c) in enumerate(rows)])
    shifted = calibrate([output(n, a=a + shift[0], b=b + shift[1], c=c + shift[2]) for n, (a, b, c) in enumerate(rows)])
    for one, other in zip(plain, shifted, strict=True):
        assert one.log_likelihoods == pytest.approx(other.log_likelihoods, abs=1e-9)


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"stop": ("",)}]
)
def test_sampling_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_every_backend_listed_can_be_loaded_and_does_what_the_protocol_says():
    assert registry.names() == ("transformers", "openai")
    for name in registry.names():
        backend = registry.describe(name).load()
        assert callable(backend.generate)
        assert callable(backend.score_choices)


def test_an_unknown_backend_is_told_with_the_known_ones():
    with pytest.raises(KeyError, match="transformers, openai"):
        registry.describe("tensorrt")


def test_listing_backends_and_checking_folders_brings_no_torch():
    program = "import sys, inference.backends.registry, inference.modelfolder, inference.engine, inference.embedded; assert not {'torch', 'transformers', 'django'} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
