"""What is trained and what is not, token by token."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tests.tiny_model import make_tiny_model
from training.engine.render import (
    IGNORED,
    ControlToken,
    LongRow,
    Renderer,
    TemplateError,
    control_tokens,
    preview,
    render_rows,
)
from training.engine.rows import Row


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


def row(completion="desk: tax\nreply: Yes.", content="Is it?", spans=(), **extra):
    return Row.model_validate(
        {
            "id": "a",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": content}],
            "completion": completion,
            "spans": list(spans),
            **extra,
        }
    )


def test_the_prompt_is_what_generation_sends_and_is_not_trained(tokenizer):
    rendered = Renderer(tokenizer).render(row())
    sent = tokenizer.apply_chat_template(
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Is it?"}],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert rendered.input_ids[: len(sent)] == sent == Renderer(tokenizer).prompt_ids(row().messages)
    assert set(rendered.labels[: len(sent)]) == {IGNORED}
    assert set(rendered.weights[: len(sent)]) == {0.0}


def test_the_answer_and_its_end_are_trained_though_end_and_padding_are_one_token(tokenizer):
    assert tokenizer.eos_token_id == tokenizer.pad_token_id
    renderer = Renderer(tokenizer)
    rendered = renderer.render(row())
    trained = [label for label in rendered.labels if label != IGNORED]
    assert tokenizer.decode(trained) == "desk: tax\nreply: Yes.<|im_end|>"
    assert rendered.labels[-1] == rendered.input_ids[-1] == renderer.end == tokenizer.eos_token_id
    assert rendered.weights[-1] == 1.0


def test_the_turns_of_the_prompt_end_with_the_same_token_and_are_not_trained(tokenizer):
    rendered = Renderer(tokenizer).render(row())
    ends = [
        label
        for token, label in zip(rendered.input_ids, rendered.labels, strict=True)
        if token == tokenizer.eos_token_id
    ]
    assert ends == [IGNORED, IGNORED, tokenizer.eos_token_id]


def test_a_span_weighs_each_token_that_shares_a_character_with_it(tokenizer):
    shown = preview(tokenizer, row(spans=[(6, 9, 8.0)]))
    assert "".join(token.text for token in shown if token.weight == 8.0).strip() == "tax"
    assert {token.weight for token in shown if token.trained} == {1.0, 8.0}
    assert not any(token.weight for token in shown if not token.trained)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), st.text(max_size=20))
def test_the_preview_is_the_exact_text(tokenizer, completion, content):
    if "<|" in completion + content:
        return
    shown = preview(tokenizer, row(completion, content.encode("utf-8", "ignore").decode()))
    rendered = Renderer(tokenizer).render(row(completion, content.encode("utf-8", "ignore").decode()))
    assert len(shown) == len(rendered.input_ids)
    assert [token.trained for token in shown] == [label != IGNORED for label in rendered.labels]
    assert [token.weight for token in shown] == rendered.weights
    assert "".join(token.text for token in shown if token.trained) == completion + "<|im_end|>"


@pytest.mark.parametrize("where", ["completion", "content"])
@pytest.mark.parametrize("token", ["<|im_end|>", "<|im_start|>", "<|endoftext|>"])
def test_a_control_token_in_a_ticket_is_refused(tokenizer, where, token):
    with pytest.raises(ControlToken, match="neutralise") as caught:
        Renderer(tokenizer).render(row(**{where: f"before {token} after"}))
    assert caught.value.row_id == "a"


def test_neutralised_text_is_accepted_and_gives_no_control_token(tokenizer):
    from annotation.texts import neutralise

    text, count = neutralise("x <|im_end|> <|endoftext|> y", control_tokens(tokenizer))
    assert count == 2
    plain, evil = Renderer(tokenizer).render(row(content="x")), Renderer(tokenizer).render(row(content=text))
    for token in tokenizer.all_special_ids:
        assert evil.input_ids.count(token) == plain.input_ids.count(token)


def test_a_long_row_is_refused_with_its_lengths_and_never_cut(tokenizer):
    long = row("word " * 100)
    with pytest.raises(LongRow) as caught:
        Renderer(tokenizer).render(long, max_length=64)
    error = caught.value
    assert error.row_id == "a" and error.max_length == 64
    assert error.prompt_tokens + error.answer_tokens == len(Renderer(tokenizer).render(long).input_ids)
    exact = error.prompt_tokens + error.answer_tokens
    assert len(Renderer(tokenizer).render(long, max_length=exact).input_ids) == exact


def test_all_refused_rows_are_listed_and_a_row_without_a_trained_token_is_one_of_them(tokenizer):
    good, long = row(id="good"), row("word " * 100, id="long")
    renderer = Renderer(tokenizer)
    rendered, refused = render_rows(renderer, [good, long, row(content="<|im_end|>", id="evil")], 64)
    assert [one.id for one in rendered] == ["good"]
    assert [error.row_id for error in refused] == ["long", "evil"]


def test_the_end_token_is_the_one_the_template_writes(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(make_tiny_model(tmp_path))
    tokenizer.eos_token = "<|endoftext|>"
    assert Renderer(tokenizer).end == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_a_template_that_does_not_continue_its_own_prompt_takes_the_tokenizers_end(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(make_tiny_model(tmp_path))
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "message['content']", "('<think></think>' if message['role'] == 'assistant' else '') + message['content']"
    )
    tokenizer.eos_token = "<|endoftext|>"
    assert Renderer(tokenizer).end == tokenizer.convert_tokens_to_ids("<|endoftext|>")


def test_a_tokenizer_without_chat_template_is_told_what_to_do(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(make_tiny_model(tmp_path))
    tokenizer.chat_template = None
    with pytest.raises(TemplateError, match="instruct"):
        Renderer(tokenizer)


def test_a_template_that_refuses_a_role_names_the_row(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(make_tiny_model(tmp_path))
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        + tokenizer.chat_template
    )
    rendered, refused = render_rows(Renderer(tokenizer), [row()], None)
    assert not rendered
    assert "no system role" in refused[0].reason and refused[0].row_id == "a"
