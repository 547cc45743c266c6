"""Which checkpoints count, where a run goes on, and that a folder has one engine."""

import json

import pytest

from ftplatform.engines.events import EngineError
from ftplatform.engines.lock import run_lock
from training.engine import checkpoint as checkpoints
from training.engine.checkpoint import Complete, Plan


def make(run, step, *, complete=True, data="d", settings="c"):
    folder = checkpoints.checkpoint_folder(run, step)
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    if complete:
        marker = Complete(step=step, data_hash=data, config_hash=settings, finished=False, seconds=1.0, tokens=1)
        checkpoints.mark_complete(folder, marker)
    return folder


def test_the_highest_complete_checkpoint_is_taken_and_unfinished_ones_are_deleted(tmp_path):
    for step, complete in ((5, True), (10, True), (15, False), (3, False)):
        make(tmp_path, step, complete=complete)
    last = checkpoints.resume_point(tmp_path, "d", "c")
    assert last and last.marker.step == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]


def test_steps_are_compared_as_numbers(tmp_path):
    make(tmp_path, 9)
    make(tmp_path, 100)
    last = checkpoints.resume_point(tmp_path, "d", "c")
    assert last and last.marker.step == 100


def test_a_folder_without_a_complete_checkpoint_starts_at_step_0(tmp_path):
    make(tmp_path, 5, complete=False)
    assert checkpoints.resume_point(tmp_path, "d", "c") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("data", "config", "word"), [("other", "c", "rows"), ("d", "other", "settings")])
def test_anothers_work_is_never_overwritten(tmp_path, data, config, word):
    make(tmp_path, 5)
    with pytest.raises(EngineError, match=word) as caught:
        checkpoints.resume_point(tmp_path, data, config)
    assert caught.value.code == "other_run"
    assert (tmp_path / "checkpoint-5").exists()


def test_pruning_keeps_the_steps_it_is_told(tmp_path):
    for step in (1, 2, 3):
        make(tmp_path, step)
    make(tmp_path, 4, complete=False)
    checkpoints.prune(tmp_path, {1, 3})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-1", "checkpoint-3", "checkpoint-4"]
    assert checkpoints.drop_incomplete(tmp_path) == 3


def test_the_plan_comes_back_as_it_was_written(tmp_path):
    assert checkpoints.read_plan(tmp_path) is None
    plan = Plan("d", "c", "fp32", steps=7, eval_every=2, save_every=2, step_seconds=0.5)
    checkpoints.write_plan(tmp_path, plan)
    assert checkpoints.read_plan(tmp_path) == plan
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    checkpoints.write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        checkpoints.write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_a_folder_has_one_engine_and_is_free_again_after_it(tmp_path):
    with run_lock(tmp_path / "run"), pytest.raises(EngineError) as caught, run_lock(tmp_path / "run"):
        raise AssertionError("two engines in one folder")
    assert caught.value.code == "locked"
    with run_lock(tmp_path / "run"):
        pass
