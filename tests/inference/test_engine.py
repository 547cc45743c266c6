"""The generation engine as a process: chunks, resume, refusals, and an end with its worker."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftplatform.engines.events import EngineError
from inference.engine import EngineConfig, RequestFile, keep_only_chunks, read_config
from tests.tiny_model import make_tiny_model

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def write_requests(path, count=10, **more):
    rows = [
        {
            "id": f"t{n}",
            "messages": [{"role": "user", "content": f"Question {n}: " + "may I build? " * (n % 4)}],
            **more,
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def request_file(folder, name="", **more):
    requests, output = folder / f"{name}requests.jsonl", folder / f"{name}answers.jsonl"
    return {"requests": str(requests), "output": str(output), "kind": "generate", **more}


def write_config(folder, model, name="config.json", **changes):
    """changes: keys of the configuration, or of its one file."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: changes.pop(name) for name in RequestFile.model_fields if name in changes}
    config = {
        "model": str(model),
        "files": [request_file(folder, **own)],
        "sampling": {"max_new_tokens": 6},
        "chunk_size": 4,
        **changes,
    }
    if not (folder / "requests.jsonl").exists():
        write_requests(folder / "requests.jsonl")
    path = folder / name
    path.write_text(json.dumps(config))
    return path


def run(config):
    finished = subprocess.run(
        [sys.executable, "-m", "inference.engine", str(config)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return finished.returncode, [json.loads(line) for line in finished.stdout.splitlines()]


def start(config, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "inference.engine", str(config), *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def answers(path):
    return {row["id"]: (row["text"], row["tokens_in"], row["tokens_out"]) for row in rows(path)}


def of_kind(events, kind):
    return [event for event in events if event["event"] == kind]


def error_of(config):
    status, events = run(config)
    assert status == 1
    return events[-1]


@pytest.fixture(scope="module")
def uninterrupted(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    status, events = run(write_config(folder, model))
    assert status == 0
    return folder, events


def test_every_request_is_answered_once_in_announced_chunks(uninterrupted):
    folder, events = uninterrupted
    chunks = of_kind(events, "chunk")
    assert [(event["index"], event["rows"]) for event in chunks] == [(0, 4), (1, 4), (2, 2)]
    data = (folder / "answers.jsonl").read_bytes()
    for event in chunks:
        part = data[event["offset"] : event["offset"] + event["bytes"]].decode().splitlines()
        assert [json.loads(line)["chunk"] for line in part] == [event["index"]] * event["rows"]
    assert [row["id"] for row in rows(folder / "answers.jsonl")] == [f"t{n}" for n in range(10)]


def test_it_tells_where_it_ran_how_far_it_is_and_the_end(uninterrupted):
    _, events = uninterrupted
    (environment,) = of_kind(events, "environment")
    assert environment["backend"] == "transformers"
    assert environment["dtype"] in environment["hardware"]
    assert of_kind(events, "progress")[-1] == {"event": "progress", "done": 10, "total": 10, "unit": "answers"}
    assert (events[-1]["event"], events[-1]["rows"], events[-1]["errors"]) == ("done", 10, 0)


def test_a_resumed_run_gives_the_answers_of_an_uninterrupted_one(model, uninterrupted, tmp_path):
    """What was written but not announced is dropped: a whole chunk, and a torn line."""
    whole = rows(uninterrupted[0] / "answers.jsonl")
    output = tmp_path / "answers.jsonl"
    kept = [json.dumps(row) for row in whole if row["chunk"] == 1]
    unannounced = [json.dumps({**row, "text": "not announced"}) for row in whole if row["chunk"] == 0]
    output.write_text("\n".join([*kept, *unannounced, json.dumps(whole[-1])[:40]]))
    status, events = run(write_config(tmp_path, model, done_chunks=[1]))
    assert status == 0
    assert [event["index"] for event in of_kind(events, "chunk")] == [0, 2]
    assert of_kind(events, "progress")[0]["done"] == 4
    assert answers(output) == answers(uninterrupted[0] / "answers.jsonl")
    assert len(rows(output)) == 10


def test_after_kill_9_it_goes_on_at_the_next_chunk(model, tmp_path):
    write_requests(tmp_path / "requests.jsonl", 200)
    config = write_config(tmp_path, model, chunk_size=2, sampling={"max_new_tokens": 40})
    process = start(config)
    announced = []
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "chunk":
            announced.append(event["index"])
            if len(announced) == 3:
                break
    process.kill()
    process.wait()
    assert announced == [0, 1, 2]
    write_requests(tmp_path / "requests.jsonl", 12)  # enough to see that it goes on
    status, events = run(
        write_config(tmp_path, model, chunk_size=2, sampling={"max_new_tokens": 40}, done_chunks=announced)
    )
    assert status == 0
    assert [event["index"] for event in of_kind(events, "chunk")] == [3, 4, 5]
    assert [row["id"] for row in rows(tmp_path / "answers.jsonl")] == [f"t{n}" for n in range(12)]


def test_nothing_to_do_is_done_without_loading_the_model(model, tmp_path):
    status, events = run(write_config(tmp_path, tmp_path / "no-model", done_chunks=[0, 1, 2]))
    assert status == 0
    assert [event["event"] for event in events] == ["progress", "done"]


def test_no_requests_are_no_answers(model, tmp_path):
    (tmp_path / "requests.jsonl").write_text("\n")
    status, events = run(write_config(tmp_path, model))
    assert (status, events[-1]["rows"]) == (0, 0)


def test_several_files_are_answered_one_after_the_other_by_one_model(model, uninterrupted, tmp_path):
    """As each alone would be; the second goes on where it was left."""
    frame = {"prefix": "desk: ", "choices": ["permits", "tax"], "ending": "\n", "end_of_turn": False}
    write_requests(tmp_path / "requests.jsonl")
    write_requests(tmp_path / "desk-requests.jsonl", 6, **frame)
    desk = request_file(tmp_path, "desk-", kind="choices", done_chunks=[0])
    status, events = run(write_config(tmp_path, model, files=[request_file(tmp_path), desk]))
    assert (status, len(of_kind(events, "environment"))) == (0, 1)
    assert [(event["file"], event["index"]) for event in of_kind(events, "chunk")] == [(0, 0), (0, 1), (0, 2), (1, 1)]
    assert answers(tmp_path / "answers.jsonl") == answers(uninterrupted[0] / "answers.jsonl")
    assert [row["id"] for row in rows(tmp_path / "desk-answers.jsonl")] == ["t4", "t5"]
    assert (of_kind(events, "progress")[0]["done"], of_kind(events, "progress")[-1]["done"]) == (4, 16)


def test_choices_are_scored(model, tmp_path):
    frame = {"prefix": "desk: ", "choices": ["permits", "tax"], "ending": "\n", "end_of_turn": False}
    write_requests(tmp_path / "requests.jsonl", 5, **frame)
    status, _ = run(write_config(tmp_path, model, kind="choices"))
    assert status == 0
    for row in rows(tmp_path / "answers.jsonl"):
        assert row["choice"] == max(row["log_likelihoods"], key=row["log_likelihoods"].get)
        assert (row["finish_reason"], set(row["log_likelihoods"])) == ("choice", {"permits", "tax"})


def test_a_ticket_too_long_is_a_row_with_its_reason(model, tmp_path):
    requests = write_requests(tmp_path / "requests.jsonl", 3)
    with requests.open("a") as stream:
        stream.write(json.dumps({"id": "long", "messages": [{"role": "user", "content": "permit " * 3000}]}) + "\n")
    status, events = run(write_config(tmp_path, model))
    assert (status, events[-1]["errors"]) == (0, 1)
    last = rows(tmp_path / "answers.jsonl")[-1]
    assert (last["id"], last["finish_reason"]) == ("long", "error")
    assert "context of 512" in last["error"]


# ── what it refuses ──


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"learning_rate": 1}, "learning_rate"),
        ({"kind": "chat"}, "kind"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"sampling": {"max_tokens": 5}}, "sampling.max_tokens"),
        ({"sampling": {"top_p": 0}}, "top_p"),
        ({"sampling": {"stop": [""]}}, "stop"),
        ({"dtype": "float16"}, "dtype"),
        ({"backend": "openai"}, "transformers"),
    ],
)
def test_a_wrong_config_is_told_by_its_key(model, tmp_path, changes, word):
    with pytest.raises(EngineError) as caught:
        read_config(write_config(tmp_path, model, **changes))
    assert caught.value.code == "config"
    assert word in caught.value.message


def test_a_config_that_is_not_there_or_no_json_is_told(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    for path in (tmp_path / "none.json", tmp_path / "bad.json"):
        with pytest.raises(EngineError, match=path.name):
            read_config(path)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{", "line 11"),
        ('{"id": "x"}', "messages"),
        ('{"id": "x", "messages": [{"role": "robot", "content": ""}]}', "role"),
        ('{"id": "t3", "messages": []}', "second time"),
    ],
)
def test_a_wrong_request_is_told_by_its_line(model, tmp_path, line, word):
    config = write_config(tmp_path, model)
    with (tmp_path / "requests.jsonl").open("a") as stream:
        stream.write(line + "\n")
    error = error_of(config)
    assert (error["code"], word in error["message"]) == ("requests", True)


def test_chunks_of_another_file_are_refused(model, tmp_path):
    assert "done_chunks" in error_of(write_config(tmp_path, model, done_chunks=[7]))["message"]


def test_a_folder_with_pickles_is_not_loaded(model, tmp_path):
    import shutil

    bad = shutil.copytree(model, tmp_path / "bad")
    (bad / "pytorch_model.bin").touch()
    error = error_of(write_config(tmp_path / "run", bad))
    assert (error["code"], "pytorch_model.bin" in error["message"]) == ("pickle", True)


def test_two_engines_never_write_one_file(model, tmp_path):
    from ftplatform.engines.lock import run_lock

    config = write_config(tmp_path, model)
    with run_lock(tmp_path):
        assert error_of(config)["code"] == "locked"


# ── how it ends ──


def long_run(model, tmp_path):
    write_requests(tmp_path / "requests.jsonl", 400)
    return write_config(tmp_path, model, chunk_size=4, sampling={"max_new_tokens": 200})


def wait_for(process, kind):
    for line in process.stdout:
        if json.loads(line)["event"] == kind:
            return
    raise AssertionError(f"the engine ended without {kind}")


def test_cancelled_it_says_so_and_keeps_what_is_complete(model, tmp_path):
    process = start(long_run(model, tmp_path))
    wait_for(process, "chunk")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "cancelled")
    assert process.wait(10) == 130
    assert len(rows(tmp_path / "answers.jsonl")) % 4 == 0


def test_supervised_it_ends_when_the_worker_is_gone(model, tmp_path):
    process = start(long_run(model, tmp_path), "--supervised")
    wait_for(process, "chunk")
    process.stdin.close()
    assert process.wait(10) == 3


def test_supervised_it_dies_with_a_worker_that_was_killed(model, tmp_path):
    """The worker is a process of its own here; after kill -9 the engine's lock on its folder is free at once."""
    from ftplatform.engines.lock import run_lock

    config = long_run(model, tmp_path)
    program = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-m', 'inference.engine', {str(config)!r}, '--supervised'],"
        "stdin=subprocess.PIPE, stdout=sys.stdout, start_new_session=True); time.sleep(60)"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    wait_for(worker, "chunk")
    worker.kill()
    worker.wait()
    deadline = time.monotonic() + 5
    while True:
        try:
            with run_lock(tmp_path):
                return
        except EngineError:
            assert time.monotonic() < deadline, "the engine outlived its worker"
            time.sleep(0.05)


def test_only_whole_rows_of_announced_chunks_are_kept(tmp_path):
    output = tmp_path / "answers.jsonl"
    output.write_bytes(b'{"chunk": 0}\n{"chunk": 1}\nnull\n{"chunk": "0"}\n\x00\x00\n{"chunk": 0}')
    keep_only_chunks(output, frozenset([0]))
    assert output.read_bytes() == b'{"chunk": 0}\n'


def test_every_key_of_the_config_says_what_it_is_for():
    fields = [*EngineConfig.model_fields.values(), *RequestFile.model_fields.values()]
    assert all(field.description for field in fields)
