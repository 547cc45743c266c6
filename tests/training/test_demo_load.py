"""What the demo's plan counts: the tokens that the model will be given, and how fast this machine is today."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from annotation.render import render_messages
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec
from training.demo import load
from training.demo.load import load_of

DESK = TaskField(name="desk", kind="choice", choices=tuple(Choice(value=value) for value in ("permits", "tax")))
SPEC = TaskSpec(
    inputs=(InputColumn(name="ticket"),),
    fields=(DESK, TaskField(name="reply", kind="text")),
    system="Answer with the desk.",
    user="Ticket: {ticket}",
    max_new_tokens=31,
)
TEXTS = [
    "My roof leaks since the storm.",
    "Bonjour, où puis-je payer la taxe de cette année ?",
    "Permit?",
    "Zaun " * 40,
]


def lengths(folder: Path, texts: list[str]) -> list[int]:
    """By transformers' own tokenizer and template."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chats = [render_messages(SPEC, {"ticket": text}).messages for text in texts]
    return [
        len(tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"])
        for chat in chats
    ]


def test_its_tokens_are_those_of_the_prompts(tiny_model: Path) -> None:
    found = load_of(SPEC, [{"ticket": text} for text in TEXTS], tiny_model)
    whole = lengths(tiny_model, TEXTS)
    assert found.own_tokens + found.shared_tokens == pytest.approx(sum(whole) / len(whole))
    assert 0 < found.shared_tokens < min(whole)
    assert found.answer_tokens == 31
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert found.label_tokens == sum(len(tokenizer.tokenize(label)) for label in DESK.labels)


def test_what_does_not_fit_the_context_or_cannot_be_rendered_costs_nothing(tiny_model: Path) -> None:
    short = load_of(SPEC, [{"ticket": "Permit?"}, {"ticket": "Fence?"}], tiny_model)
    odd = load_of(SPEC, [{"ticket": "Permit?"}, {"ticket": "Fence?"}, {"ticket": "word " * 5000}], tiny_model)
    assert odd.own_tokens < short.own_tokens
    assert load_of(SPEC, [], tiny_model).own_tokens == 0


def test_a_machine_is_slower_than_planned_or_as_planned_and_never_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "TRIES", 3)
    monkeypatch.setattr(load, "PLANNED_GIGAFLOPS", 1e-3)
    assert load.slowness() == 1
    monkeypatch.setattr(load, "PLANNED_GIGAFLOPS", 1e6)
    assert load.slowness() > 10
