"""The tokenizer of pages gives what transformers gives: the same ids, places and chat text."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import make_tiny_model
from training.engine.light import LightTokenizer

TEXTS = ["Do I need a permit?", "naïve café, 3 m²\n\tünd", "a < |im_end|> b", "", "   spaces   "]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[LightTokenizer, Any]:
    from transformers import AutoTokenizer

    folder = Path(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))
    return LightTokenizer.load(folder), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_ids_and_places_are_those_of_transformers(both: tuple[LightTokenizer, Any], text: str) -> None:
    light, theirs = (one(text, add_special_tokens=False, return_offsets_mapping=True) for one in both)
    assert list(light["input_ids"]) == list(theirs["input_ids"])
    assert [tuple(place) for place in light["offset_mapping"]] == [tuple(place) for place in theirs["offset_mapping"]]


def test_the_chat_text_is_that_of_transformers(both: tuple[LightTokenizer, Any]) -> None:
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello?"}]
    light, theirs = (one.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) for one in both)
    assert light == theirs


def test_control_tokens_are_those_of_transformers(both: tuple[LightTokenizer, Any]) -> None:
    light, theirs = both
    assert light.all_special_ids == sorted(theirs.all_special_ids)
    assert light.eos_token_id == theirs.eos_token_id
