"""Killed, cancelled, broken off: the run goes on as if nothing had happened, and nothing half is left."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ftplatform.engines.lock import ORPHANED, run_lock
from tests.training.engine_runs import (
    ROOT,
    configure,
    curve,
    finish,
    read_until_step,
    rows,
    run_here,
    start,
    write_rows,
)
from training.engine import checkpoint as checkpoints

METRICS = ("train_loss", "validation_loss", "learning_rate", "grad_norm")


def assert_same_curves(parts, whole):
    """Both parts together tell each step, and each value is the uninterrupted run's own."""
    for name in METRICS:
        joined = curve([event for part in parts for event in part], name)
        assert joined == curve(whole, name), name


def test_after_kill_9_the_losses_are_those_of_an_uninterrupted_run(tiny_model, tmp_path):
    """Killed in the second epoch, between two checkpoints, with dropout and accumulated gradients."""
    configs = []
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        settings = {"epochs": 60.0, "batch_size": 3, "gradient_accumulation": 2, "lora_dropout": 0.2}
        configs.append(configure(tmp_path / name, tiny_model, eval_every=20, save_every=7, **settings))
    whole_process, killed = start(configs[0]), start(configs[1])

    first = read_until_step(killed, 45)
    killed.send_signal(signal.SIGKILL)
    first += [json.loads(line) for line in killed.stdout.read().splitlines() if line.endswith("}")]
    killed.wait()
    assert not (configs[1].output / "result.json").exists(), "killed too late to prove anything"

    second, whole = finish(start(configs[1])), finish(whole_process)
    told = [event["message"] for event in second if event["event"] == "log"]
    assert any(message.startswith("going on after step") for message in told)
    assert min(curve(second, "train_loss")) > 30
    assert_same_curves([first, second], whole)
    ours, theirs = second[-1], whole[-1]
    for key in ("steps", "tokens", "best_step", "train_loss", "validation_loss"):
        assert ours[key] == theirs[key], key
    assert (configs[0].output / "adapter/adapter_model.safetensors").read_bytes() == (
        configs[1].output / "adapter/adapter_model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("step", [5, 6, 12])
def test_broken_off_within_at_the_end_of_and_after_epochs_it_goes_on_the_same(tiny_model, tmp_path, step):
    """An epoch has six steps; evaluation and checkpoint come each third step."""
    runs = {}
    for name, stop_at in (("whole", None), ("broken", ("train_loss", step))):
        (tmp_path / name).mkdir()
        config = configure(tmp_path / name, tiny_model, epochs=3.0, lora_dropout=0.2)
        runs[name] = [run_here(config, stop_at=stop_at)]
    runs["broken"].append(run_here(config))
    assert min(curve(runs["broken"][1], "train_loss")) > 1
    assert_same_curves(runs["broken"], runs["whole"][0])


def test_patience_goes_on_counting_after_a_resume(tiny_model, tmp_path):
    """Validation answers contradict the training rows, so that learning makes them worse from some step on."""
    runs = {}
    for name in ("whole", "broken"):
        folder = tmp_path / name
        folder.mkdir()
        write_rows(folder / "validation.jsonl", rows(6, start=100, shift=1))
        config = configure(folder, tiny_model, epochs=100.0, patience=4, eval_every=5)
        if name == "whole":
            runs[name] = run_here(config)
            best = runs[name][-1]["best_step"]
            stopped = runs[name][-1]["steps"]
            assert runs[name][-1]["stopped_early"] and stopped == best + 4 * 5 < 600
        else:
            first = run_here(config, stop_at=("train_loss", best + 2 * 5 + 1))  # two bad evaluations are behind it
            runs[name] = [*first, *run_here(config)]
    assert runs["broken"][-1]["steps"] == stopped
    assert runs["broken"][-1]["best_step"] == best
    assert_same_curves([runs["broken"]], runs["whole"])


def test_a_run_that_ended_training_but_not_the_export_only_exports(tiny_model, tmp_path):
    config = configure(tmp_path, tiny_model)
    first = run_here(config)
    (config.output / checkpoints.RESULT).unlink()
    second = run_here(config)
    assert not curve(second, "train_loss")
    assert {**second[-1], "hardware": 0} == {**first[-1], "hardware": 0}


def test_a_resume_keeps_the_plan_that_a_time_budget_made(tiny_model, tmp_path):
    config = configure(tmp_path, tiny_model, epochs=10_000.0, time_budget_seconds=12.0)
    run_here(config, stop_at=("train_loss", 5))
    plan = checkpoints.read_plan(config.output)
    assert plan
    events = run_here(config)
    kept = checkpoints.read_plan(config.output)
    assert kept.steps == plan.steps and kept.refits[: len(plan.refits)] == plan.refits
    assert events[-1]["steps"] == kept.total
    assert min(curve(events, "train_loss")) == 4


def test_a_resume_with_no_time_left_takes_one_step_more(tiny_model, tmp_path):
    """The clock is asked from the first step on, not only once some were timed."""
    config = configure(tmp_path, tiny_model, epochs=10_000.0, time_budget_seconds=12.0)
    run_here(config, stop_at=("train_loss", 5))
    kept, plan = checkpoints.complete_checkpoints(config.output)[-1].marker.step, checkpoints.read_plan(config.output)
    decided = max([kept, *(after for after, _ in plan.refits)])
    events = run_here(config, began=time.monotonic() - 1000)
    assert events[-1]["steps"] == decided + 1


def test_cancel_leaves_nothing_half_and_the_run_can_go_on(tiny_model, tmp_path):
    config = configure(tmp_path, tiny_model, epochs=200.0, eval_every=10)
    process = start(config)
    read_until_step(process, 25)
    process.send_signal(signal.SIGTERM)
    events = finish(process)
    assert process.returncode == 130
    assert events[-1]["event"] == "cancelled" and events[-1]["step"] >= 20
    folders = list(config.output.glob("checkpoint-*"))
    assert folders and all((folder / checkpoints.MARKER).exists() for folder in folders)
    assert not (config.output / checkpoints.RESULT).exists()
    last = checkpoints.complete_checkpoints(config.output)[-1]
    assert last.marker.step == events[-1]["step"]


def test_a_worker_waits_for_the_last_seconds_of_the_engine_before(tiny_model, tmp_path):
    config = configure(tmp_path, tiny_model)
    theirs, ours = os.pipe()  # open until the end: its end is the worker's
    with run_lock(config.output):
        process = start(config, "--supervised", stdin=theirs)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=8)  # it imports, and waits
    assert finish(process)[-1]["event"] == "done"
    for end in (theirs, ours):
        os.close(end)


FULL_DISK = """
import sys
from safetensors import SafetensorError
from training.engine import __main__, train

def export(*_, **__):
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

train.export = export
sys.exit(__main__.main([sys.argv[1]]))
"""


def test_a_full_disk_is_told_in_words_whoever_writes(tiny_model, tmp_path):
    """safetensors makes an error of its own of it."""
    path = tmp_path / "config.json"
    path.write_text(configure(tmp_path, tiny_model).model_dump_json())
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], cwd=ROOT, capture_output=True, text=True)
    event = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, event["code"]) == (1, "disk_full")
    assert "free space and start the run again" in event["message"]


def test_an_engine_whose_worker_is_gone_leaves(tiny_model, tmp_path):
    process = start(configure(tmp_path, tiny_model, epochs=10_000.0), "--supervised", stdin=subprocess.PIPE)
    read_until_step(process, 1)
    process.stdin.close()
    assert process.wait(timeout=10) == ORPHANED


def test_a_bad_configuration_is_an_error_event_and_a_status(tiny_model, tmp_path):
    config = configure(tmp_path, tiny_model)
    process = start(config)
    process.kill()
    process.wait()
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "blue"}))
    process = subprocess.run([*process.args], capture_output=True, text=True, cwd="/", env={"PYTHONPATH": str(ROOT)})
    assert process.returncode == 1
    event = json.loads(process.stdout)
    assert event["event"] == "error" and event["code"] == "config" and "colour" in event["message"]
