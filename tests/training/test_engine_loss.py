"""Our loss is TRL's own: the same values, the same gradients, the same trained weights."""

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import GraniteConfig, GraniteForCausalLM, PrinterCallback
from trl import SFTConfig, SFTTrainer

from tests.training.engine_runs import rows
from training.engine import loss as engine_loss
from training.engine.export import load_base, load_tokenizer
from training.engine.loss import Collator, LabelledLossTrainer, weight_sum, weighted_cross_entropy
from training.engine.render import IGNORED, Renderer
from training.engine.rows import Row


@pytest.fixture(scope="module")
def rendered(tiny_model):
    renderer = Renderer(load_tokenizer(tiny_model))
    made = [renderer.render(Row.model_validate(row | {"spans": []})) for row in rows(20)]
    return [{"input_ids": one.input_ids, "labels": one.labels, "weights": one.weights} for one in made]


def trainer(kind, tiny_model, rendered, folder, accumulation):
    arguments = SFTConfig(
        output_dir=str(folder),
        max_steps=6,
        learning_rate=1e-2,
        per_device_train_batch_size=3,
        per_device_eval_batch_size=20,
        gradient_accumulation_steps=accumulation,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="no",
        activation_checkpointing=False,
        bf16=False,
        use_cpu=True,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=kind is SFTTrainer,
        report_to=[],
        disable_tqdm=True,
        seed=3,
    )
    made = kind(
        model=load_base(tiny_model),
        args=arguments,
        train_dataset=Dataset.from_list(rendered),
        eval_dataset=Dataset.from_list(rendered[:7]),
        data_collator=None if kind is SFTTrainer else Collator(pad_id=2),
        processing_class=load_tokenizer(tiny_model),
        peft_config=LoraConfig(r=4, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    made.remove_callback(PrinterCallback)
    return made


@pytest.mark.parametrize("accumulation", [1, 2])
def test_with_weights_of_one_every_loss_and_every_trained_weight_is_trls(tiny_model, rendered, tmp_path, accumulation):
    theirs = trainer(SFTTrainer, tiny_model, rendered, tmp_path / "trl", accumulation)
    ours = trainer(LabelledLossTrainer, tiny_model, rendered, tmp_path / "ours", accumulation)
    theirs.train()
    ours.train()
    for key in ("loss", "grad_norm", "learning_rate", "eval_loss"):
        their_values = [entry[key] for entry in theirs.state.log_history if key in entry]
        our_values = [entry[key] for entry in ours.state.log_history if key in entry]
        assert len(their_values) in (3, 6)
        assert our_values == pytest.approx(their_values, rel=2e-4), key
    their_weights = {name: value for name, value in theirs.model.named_parameters() if value.requires_grad}
    for name, value in ours.model.named_parameters():
        if value.requires_grad:
            torch.testing.assert_close(value, their_weights[name], rtol=1e-2, atol=2e-4)


def weighted(rendered):
    batch = Collator(pad_id=2)(rendered[:5])
    batch["weights"] = torch.where(batch["labels"] == IGNORED, 0.0, torch.rand(batch["labels"].shape) * 8)
    return batch


def whole_logits(model, batch):
    """The definition, the slow way: all logits, all positions."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    each = functional.cross_entropy(
        logits.transpose(1, 2), batch["labels"][:, 1:], reduction="none", ignore_index=IGNORED
    )
    return (each * batch["weights"][:, 1:]).sum()


@pytest.mark.parametrize("chunk", [1, 7, 2048])
def test_weights_and_chunks_give_the_value_and_gradient_of_the_definition(tiny_model, rendered, monkeypatch, chunk):
    monkeypatch.setattr(engine_loss, "CHUNK", chunk)
    model = get_peft_model(load_base(tiny_model), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    batch = weighted(rendered)
    parameters = [value for value in model.parameters() if value.requires_grad]

    expected = whole_logits(model, batch)
    expected_gradients = torch.autograd.grad(expected, parameters)
    value = weighted_cross_entropy(model.get_base_model(), batch)
    torch.testing.assert_close(value, expected)
    for ours, theirs in zip(torch.autograd.grad(value, parameters), expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_model_that_rescales_its_logits_keeps_its_own_loss(rendered):
    model = GraniteForCausalLM(
        GraniteConfig(
            vocab_size=500,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            logits_scaling=8.0,
            initializer_range=0.2,
        )
    ).eval()
    batch = weighted(rendered)
    torch.testing.assert_close(weighted_cross_entropy(model, batch), whole_logits(model, batch))
    plain = {**batch, "weights": (batch["labels"] != IGNORED).float()}
    own = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
    torch.testing.assert_close(weighted_cross_entropy(model, plain) / weight_sum([plain]), own)


def test_padding_changes_no_loss(tiny_model, rendered):
    model = load_base(tiny_model).eval()
    collator = Collator(pad_id=2)
    together = weighted_cross_entropy(model, collator(rendered[:4]))
    alone = sum(weighted_cross_entropy(model, collator([row])) for row in rendered[:4])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-3)


def test_the_collator_pads_by_position(rendered):
    short = {key: value[:5] for key, value in rendered[0].items()}
    batch = Collator(pad_id=2)([short, rendered[1]])
    length = len(rendered[1]["input_ids"])
    assert batch["attention_mask"].tolist() == [[1] * 5 + [0] * (length - 5), [1] * length]
    assert batch["labels"][0, 5:].unique().tolist() == [IGNORED]
    assert batch["weights"][0, 5:].sum() == 0
