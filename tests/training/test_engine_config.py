"""Bad input is told before torch is even imported, with field or line."""

import json

import pytest

from ftplatform.engines.events import EngineError
from training.engine.config import Hyperparameters, config_hash, read_config, row_limit
from training.engine.rows import data_hash, read_rows


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


GOOD = {"model": "m", "train_rows": "t", "output": "o"}


class LaterHyperparameters(Hyperparameters):
    adapter_layers: int | None = None


def test_a_configuration_with_defaults_is_read(tmp_path):
    config = read_config(write(tmp_path / "c.json", GOOD))
    assert config.hyperparameters == Hyperparameters()
    assert config.validation_rows is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": 1}, "colour"),
        ({"hyperparameters": {"learning_rte": 1e-3}}, "hyperparameters.learning_rte"),
        ({"hyperparameters": {"batch_size": "4"}}, "hyperparameters.batch_size"),
        ({"hyperparameters": {"batch_size": 0}}, "hyperparameters.batch_size"),
        ({"hyperparameters": {"learning_rate": 0}}, "hyperparameters.learning_rate"),
        ({"hyperparameters": {"method": "dora"}}, "hyperparameters.method"),
        ({"hyperparameters": {"eval_every": 3, "logging_steps": 2}}, "hyperparameters"),
        ({"hyperparameters": {"target_modules": []}}, "hyperparameters.target_modules"),
        ({"hyperparameters": {"patience": 2}}, ""),  # patience without validation rows
    ],
)
def test_an_unknown_or_wrong_key_stops_the_run(tmp_path, change, field):
    with pytest.raises(EngineError) as caught:
        read_config(write(tmp_path / "c.json", GOOD | change))
    assert caught.value.code == "config"
    assert any(error["field"].startswith(field) for error in caught.value.data["errors"])


@pytest.mark.parametrize("text", ["", "{", "[]", "\ufeff{}"])
def test_a_broken_configuration_file_is_an_error_with_its_name(tmp_path, text):
    with pytest.raises(EngineError, match=r"c\.json"):
        read_config(write(tmp_path / "c.json", text))


ROW = {"id": "1", "messages": [{"role": "user", "content": "q"}], "completion": "answer"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"completion": 3}, "completion"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "assistant"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "role"),
        ({"spans": [[0, 7, 1.0]]}, "outside"),
        ({"spans": [[3, 3, 1.0]]}, "outside"),
        ({"spans": [[0, 3, 1.0], [2, 4, 1.0]]}, "overlaps"),
        ({"spans": [[0, 3, -1.0]]}, "weight"),
        ({"more": 1}, "more"),
    ],
)
def test_a_bad_row_is_told_by_its_line(tmp_path, change, message):
    text = json.dumps(ROW) + "\n\n" + json.dumps(ROW | {"id": "2"} | change) + "\n"
    with pytest.raises(EngineError, match=message) as caught:
        read_rows(write(tmp_path / "r.jsonl", text))
    assert [problem["row"] for problem in caught.value.data["errors"]] == [3]


def test_the_same_id_twice_no_row_at_all_and_a_lone_surrogate_are_errors(tmp_path):
    for text, message in (
        (json.dumps(ROW) + "\n" + json.dumps(ROW), "twice"),
        ("\n", "no row"),
        (json.dumps(ROW).replace("answer", "\\ud800"), "line 1"),
        ("not json", "line 1"),
    ):
        with pytest.raises(EngineError, match=message):
            read_rows(write(tmp_path / "r.jsonl", text))


def test_a_line_separator_inside_a_text_does_not_split_its_row(tmp_path):
    text = json.dumps(ROW | {"completion": "a\u2028b\x85c"}, ensure_ascii=False)
    assert read_rows(write(tmp_path / "r.jsonl", text))[0].completion == "a\u2028b\x85c"


def test_hashes_tell_other_rows_settings_and_models(tmp_path):
    one, two = write(tmp_path / "1", "a"), write(tmp_path / "2", "b")
    assert len({data_hash(one, two), data_hash(two, one), data_hash(one, None), data_hash(None, one)}) == 4
    model = tmp_path / "model"
    model.mkdir()
    write(model / "config.json", "{}")
    before = config_hash(Hyperparameters(), model)
    assert before == config_hash(Hyperparameters(), model)
    assert before != config_hash(Hyperparameters(seed=1), model)
    assert before == config_hash(LaterHyperparameters(), model), (
        "a setting that came later and is not used changes nothing"
    )
    assert before != config_hash(LaterHyperparameters(adapter_layers=4), model)
    write(model / "model.safetensors", "weights")
    assert before != config_hash(Hyperparameters(), model)


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"max_position_embeddings": 300}, 300),
        ({"n_positions": 256, "n_ctx": 128}, 256),  # GPT-2's names for it
        ({"model_type": "two-parts", "text_config": {"max_position_embeddings": 200}}, 200),
        ({"max_position_embeddings": 4096}, 1024),
        ({"max_position_embeddings": "many"}, 1024),
        ([], 1024),
    ],
)
def test_no_row_is_longer_than_the_model_reads_whatever_its_config_calls_that(tmp_path, config, limit):
    write(tmp_path / "config.json", config)
    assert row_limit(1024, tmp_path) == limit
