"""What is watched while a run trains: choices right and answers written, at no change of any loss."""

import json
import signal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.engine_runs import (
    DESKS,
    configure,
    curve,
    finish,
    read_until_step,
    rows,
    run_here,
    start,
    write_rows,
)
from training.engine import samples
from training.engine.loss import Collator, choices_of, predict
from training.engine.render import Renderer
from training.engine.rows import Row

CURVES = ("train_loss", "validation_loss", "learning_rate", "grad_norm")
LABELS = ("tax", "tax and fees", "permits", "permit", "taxes", "energy")


def with_choices(made, labels=DESKS):
    """The rows, each saying where its desk stands."""
    for row in made:
        start_, end, _ = row["spans"][0]
        row["choices"] = [{"name": "desk", "start": start_, "end": end, "labels": list(labels)}]
    return made


def watched(folder, model, **settings):
    """A run whose validation rows tell their choices and of which two are answered at evaluations."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "validation.jsonl", with_choices(rows(6, start=100)))
    return configure(folder, model, **settings).model_copy(update={"samples": 2})


def told(events):
    """(row, step) → sample."""
    return {(event["row"], event["step"]): event for event in events if event["event"] == "sample"}


@pytest.fixture(scope="module")
def renderer(tiny_model):
    return Renderer(AutoTokenizer.from_pretrained(tiny_model))


@pytest.fixture(scope="module")
def model(tiny_model):
    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()


def row(label, question="Which desk?", labels=LABELS):
    text = f"desk: {label}\nreply: Yes."
    return Row.model_validate(
        {
            "id": f"{label}-{question}",
            "messages": [{"role": "user", "content": question}],
            "completion": text,
            "choices": [{"name": "desk", "start": 6, "end": 6 + len(label), "labels": list(labels)}],
        }
    )


def greedy_choice(model, renderer, one):
    """The label that a decoder writes token by token which may only go on to one of the labels: the slow and plain way."""
    prompt = renderer.prompt_ids(one.messages)
    choice = one.choices[0]
    before, after = one.completion[: choice.start], one.completion[choice.end :]
    open_ = {
        label: [*renderer.tokenizer(before + label + after, add_special_tokens=False)["input_ids"], renderer.end]
        for label in choice.labels
    }
    at = 0
    while len(open_) > 1:
        tokens = {ids[at] for ids in open_.values()}
        if len(tokens) > 1:
            written = next(iter(open_.values()))[:at]
            with torch.no_grad():
                logits = model(torch.tensor([[*prompt, *written]])).logits[0, -1]
            best = max(tokens, key=lambda token: logits[token].item())
            open_ = {label: ids for label, ids in open_.items() if ids[at] == best}
        at += 1
    return next(iter(open_))


@given(st.text(alphabet="abcdefghij ?", min_size=1, max_size=20))
def test_a_choice_is_right_where_a_decoder_bound_to_the_labels_would_write_it(model, renderer, question):
    """Labels that begin with one another, and several tokens each; one batch of all of them, padded."""
    made = [row(label, question) for label in LABELS]
    batch = Collator(renderer.end)(
        [vars(one) | {"forks": [vars(fork) for fork in one.forks]} for one in map(renderer.render, made)]
    )
    with torch.no_grad():
        states, head = predict(model, batch)
        found = list(choices_of(states, head, batch))
    theirs = greedy_choice(model, renderer, made[0])
    assert found == [("desk", label == theirs) for label in LABELS]


def test_a_label_that_is_not_there_is_told_with_its_row(tiny_model, tmp_path):
    config = watched(tmp_path / "a", tiny_model)
    made = with_choices(rows(6, start=100))
    made[2]["choices"][0]["start"] += 1
    write_rows(config.validation_rows, made)
    with pytest.raises(Exception, match=r"line 3 .*not a label of desk"):
        run_here(config)


def test_the_run_learns_to_choose_and_its_answers_are_told(tiny_model, tmp_path):
    events = run_here(watched(tmp_path / "a", tiny_model, epochs=30.0, eval_every=30))
    right = curve(events, "desk.accuracy")
    assert sorted(right) == list(range(0, 181, 30))
    assert right[180] == 1.0 > right[0]
    answers = told(events)
    assert {row for row, _ in answers} == {"100", "101"}
    assert {step for _, step in answers} >= {0}
    last = answers["101", max(step for _, step in answers)]
    assert last["text"].startswith("desk: ") and set(last) == {"event", "step", "row", "text", "ended"}
    assert events[-1]["event"] == "done"


def test_what_is_watched_changes_no_loss(tiny_model, tmp_path):
    settings = {"epochs": 4.0, "lora_dropout": 0.2, "batch_size": 3}
    with_, without = (
        watched(tmp_path / "with", tiny_model, **settings),
        watched(tmp_path / "without", tiny_model, **settings),
    )
    plain = run_here(without.model_copy(update={"samples": 0}))
    shown = run_here(with_)
    assert told(shown) and not told(plain)
    for name in CURVES:
        assert curve(shown, name) == curve(plain, name), name
    assert (tmp_path / "with/run/adapter/adapter_model.safetensors").read_bytes() == (
        tmp_path / "without/run/adapter/adapter_model.safetensors"
    ).read_bytes()


def test_after_kill_9_losses_choices_and_answers_are_those_of_an_uninterrupted_run(tiny_model, tmp_path):
    settings = {"epochs": 60.0, "lora_dropout": 0.2, "eval_every": 12}
    whole, killed = (
        watched(tmp_path / "whole", tiny_model, **settings),
        watched(tmp_path / "killed", tiny_model, **settings),
    )
    process = start(killed)
    first = read_until_step(process, 40)
    process.send_signal(signal.SIGKILL)
    first += [json.loads(line) for line in process.stdout.read().splitlines() if line.endswith("}")]
    process.wait()
    assert not (killed.output / "result.json").exists(), "killed too late to prove anything"
    resumed, reference = finish(start(killed)), finish(start(whole))
    events = [*first, *resumed]
    went_on_after = min(curve(resumed, "train_loss")) - 1
    for name in (*CURVES, "desk.accuracy"):
        assert curve(events, name) == curve(reference, name), name
    ours, theirs = told(events), told(reference)
    for key in ours.keys() & theirs.keys():
        assert ours[key] == theirs[key]
    assert any(step > went_on_after > 0 for _, step in ours.keys() & theirs.keys())


def test_samples_keep_to_their_allowance(tiny_model, tmp_path, monkeypatch):
    """With none at all, the untrained model's answers are written and no other."""
    monkeypatch.setattr(samples, "allowance", lambda seconds: 0.0)
    events = run_here(watched(tmp_path / "a", tiny_model))
    assert {step for _, step in told(events)} == {0}


def test_a_share_of_a_long_run_and_some_seconds_of_a_short_one():
    assert samples.allowance(10.0) == samples.FREE_SECONDS
    assert samples.allowance(1000.0) == samples.SHARE * 1000
