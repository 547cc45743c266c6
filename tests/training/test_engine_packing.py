"""A packed batch has the values and gradients of the padded one; what cannot be packed so is not."""

from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import BloomConfig, BloomForCausalLM, MistralConfig, MistralForCausalLM

from tests.training.engine_runs import rows
from training.engine import loss as engine_loss
from training.engine import packing
from training.engine.export import load_base, load_tokenizer
from training.engine.loss import Collator, choices_of, predict, weighted_cross_entropy
from training.engine.render import Renderer
from training.engine.rows import Row


@pytest.fixture(scope="module")
def batch(tiny_model):
    """Five rows of different lengths behind one system prompt, the label of each weighing more."""
    renderer = Renderer(load_tokenizer(tiny_model))
    system = {"role": "system", "content": "Desks: permits, tax, energy. Answer as desk and reply."}
    made = []
    for number, row in enumerate(rows(5)):
        asked = {"role": "user", "content": row["messages"][0]["content"] + " Please." * number}
        made.append(
            renderer.render(
                Row.model_validate(row | {"messages": [system, asked], "spans": [tuple(one) for one in row["spans"]]})
            )
        )
    found = [{"input_ids": one.input_ids, "labels": one.labels, "weights": one.weights} for one in made]
    return Collator(pad_id=2)(found)


def tuned(tiny_model):
    adapter = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    return get_peft_model(load_base(tiny_model), adapter)


def test_value_and_gradients_are_those_of_the_padded_batch(tiny_model, batch):
    model = tuned(tiny_model)
    parameters = [value for value in model.parameters() if value.requires_grad]
    assert packing.packs(model.get_base_model()) and packing.is_worth_it(batch["input_ids"], batch["attention_mask"])
    plain = weighted_cross_entropy(model.get_base_model(), batch)
    packed = weighted_cross_entropy(model.get_base_model(), batch, may_pack=True)
    torch.testing.assert_close(packed, plain, rtol=1e-5, atol=1e-4)
    theirs = torch.autograd.grad(plain, parameters)
    for ours, expected in zip(torch.autograd.grad(packed, parameters), theirs, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_a_batch_is_one_sequence_with_its_beginning_once(batch):
    packed = packing.pack(batch["input_ids"], batch["attention_mask"])
    lengths = batch["attention_mask"].sum(dim=1)
    shared = packing.shared_length(batch["input_ids"], lengths)
    assert shared > 10
    assert packed.input_ids.shape == (1, int(lengths.sum()) - 4 * shared)
    real = batch["attention_mask"].bool()
    assert torch.equal(packed.input_ids[0][packed.places][real], batch["input_ids"][real])
    positions = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"])
    assert torch.equal(packed.position_ids[0][packed.places][real], positions[real])
    for row, length in enumerate(lengths.tolist()):
        own = set(packed.places[row, :length].tolist())
        last = packed.places[row, length - 1]
        assert set(packed.attention_mask[0, 0, last].nonzero()[:, 0].tolist()) == own, "its own row, and nobody else's"


@pytest.mark.parametrize(
    ("ids", "seen", "shared"),
    [
        ([[1, 2, 3], [1, 2, 3]], [[1, 1, 1], [1, 1, 1]], 3),
        ([[1, 2, 3], [1, 2, 0]], [[1, 1, 1], [1, 1, 0]], 2),
        ([[5, 2], [6, 2]], [[1, 1], [1, 1]], 0),
    ],
)
def test_rows_that_are_alike_or_begin_with_each_other_or_share_nothing(ids, seen, shared):
    ids, seen = torch.tensor(ids), torch.tensor(seen)
    assert packing.shared_length(ids, seen.sum(dim=1)) == shared
    packed = packing.pack(ids, seen)
    real = seen.bool()
    assert torch.equal(packed.input_ids[0][packed.places][real], ids[real])


def test_the_choices_of_validation_rows_are_the_same(tiny_model, batch):
    model = load_base(tiny_model).eval()
    first = (batch["labels"] != -100).int().argmax(dim=1).tolist()
    forks = [[{"name": "desk", "position": at, "rivals": [3, 4, 5]}] for at in first]
    inputs = {**batch, "forks": forks}
    with torch.no_grad():
        told = [list(choices_of(*predict(model, inputs, may_pack=may), inputs)) for may in (False, True)]
    assert told[0] == told[1]


def test_what_sees_a_window_or_has_other_positions_is_not_packed():
    small = {"vocab_size": 100, "hidden_size": 32, "num_attention_heads": 2}
    window = MistralConfig(**small, intermediate_size=64, num_hidden_layers=1, num_key_value_heads=2, sliding_window=4)
    assert not packing.packs(MistralForCausalLM(window))
    assert not packing.packs(BloomForCausalLM(BloomConfig(**small, n_layer=1, n_head=2)))


def test_what_gains_nothing_or_would_cost_more_stays_as_it_is(monkeypatch):
    apart = torch.arange(8).reshape(2, 4)
    alike = torch.ones(2, 4, dtype=torch.long)
    seen = torch.ones(2, 4, dtype=torch.long)
    assert not packing.is_worth_it(apart, seen), "nothing is shared or padded"
    assert not packing.is_worth_it(alike[:1], seen[:1])
    assert packing.is_worth_it(alike, seen)
    monkeypatch.setattr(packing, "MOST_TOKENS", 3)
    assert not packing.is_worth_it(alike, seen)


def test_a_model_that_fails_the_trial_is_trained_the_plain_way(tiny_model, batch, monkeypatch):
    monkeypatch.setattr(packing, "hidden_states", lambda *_: pytest.fail("packed"))
    assert engine_loss.weighted_cross_entropy(load_base(tiny_model), batch).isfinite()
    liar = load_base(tiny_model)
    monkeypatch.undo()
    monkeypatch.setattr(
        packing,
        "pack",
        lambda ids, seen: SimpleNamespace(
            input_ids=ids[:1], position_ids=None, attention_mask=None, places=torch.zeros_like(ids)
        ),
    )
    assert not packing.packs(liar)
