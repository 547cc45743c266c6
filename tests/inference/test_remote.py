"""An OpenAI-compatible address through the services: one that works, one that is down, one that answers garbage."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ftplatform.errors import Refused
from ftplatform.jobs.models import Job
from inference import services
from inference.models import Generation, GenerationRun, ModelVersion
from inference.services import Asking
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


class Server(http.server.ThreadingHTTPServer):
    """Answers as `mode` says: `fine`, `garbage`, `drip`, `down` or `after:N`, fine for N requests and then down."""

    mode = "fine"
    asked = 0
    bodies: list[dict[str, Any]]
    keys: list[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.keys += self.headers.get_all("Authorization", [])
        self.server.asked += 1
        mode = self.server.mode
        if mode.startswith("after:"):
            mode = "fine" if self.server.asked <= int(mode.removeprefix("after:")) else "down"
        if mode == "down":
            self._say(503, "text/plain", b"no capacity")
        elif mode == "drip":
            self._drip()
        elif mode == "garbage":
            self._say(200, "text/html", b"<html>Welcome to nginx!</html>")
        else:
            self._fine(body)

    def _fine(self, body: dict[str, Any]) -> None:
        text = "desk: tax\nreply: Ask the tax desk."
        usage = {"prompt_tokens": 11, "completion_tokens": 9}
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self._say(200, "application/json", json.dumps({"choices": [choice], "usage": usage}).encode())
            return
        deltas = [{"content": text[:10]}, {"content": text[10:]}]
        lines = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        lines += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
        stream = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
        self._say(200, "text/event-stream", stream.encode())

    def _drip(self) -> None:
        """A sign of life again and again, and never an answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b": still here\n\n")
                time.sleep(0.05)

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.bodies, made.keys = [], []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    settings.FT_OUTBOUND_HOSTS = frozenset({f"127.0.0.1:{made.server_port}"})
    monkeypatch.setattr("inference.backends.openai_backend.time.sleep", lambda seconds: None, raising=False)
    yield made
    made.shutdown()
    made.server_close()


def register(cast: Any, server: Server) -> ModelVersion:
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return services.register_remote(project=cast.project, name="Far", url=url, model="m", by=cast.by)


def test_an_address_is_asked_before_it_is_registered(cast: Any, server: Server) -> None:
    version = register(cast, server)
    deployment = version.deployments.get()
    assert (version.source, deployment.backend, deployment.health) == ("remote", "openai", "up")
    assert server.bodies[0]["model"] == "m"


@pytest.mark.parametrize(("mode", "words"), [("down", "503"), ("garbage", "garbage|JSON|not")])
def test_an_address_that_does_not_work_is_refused_and_leaves_nothing(
    cast: Any, server: Server, mode: str, words: str
) -> None:
    server.mode = mode
    with pytest.raises(Refused, match=words) as refused:
        register(cast, server)
    assert refused.value.errors[0].field == "url"
    assert not ModelVersion.objects.exists()


def test_an_address_that_never_ends_is_asked_once_and_given_up(
    cast: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.remote.PROBE_SECONDS", 0.5)
    server.mode = "drip"
    with pytest.raises(Refused, match="did not answer in time"):
        register(cast, server)
    assert server.asked == 1


def test_an_address_inside_the_network_is_refused(cast: Any) -> None:
    with pytest.raises(Refused, match="FT_OUTBOUND_HOSTS") as refused:
        services.register_remote(project=cast.project, name="x", url="http://169.254.169.254/v1", model="m", by=cast.by)
    assert refused.value.code == "private-address"


def test_a_key_goes_only_where_the_operator_listed_the_address(
    cast: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may make a project and name any address in it."""
    monkeypatch.setenv("FT_KEY_FAR", "sk-far")
    listed = f"http://127.0.0.1:{server.server_port}/v1"
    asked = {"project": cast.project, "name": "x", "model": "m", "by": cast.by}
    with pytest.raises(Refused, match=r"FT_OUTBOUND_HOSTS=elsewhere\.example:443") as refused:
        services.register_remote(url="https://elsewhere.example/v1", api_key_name="FT_KEY_FAR", **asked)
    assert refused.value.errors[0].field == "api_key_name"
    with pytest.raises(Refused, match="FT_KEY_OTHER is not set"):
        services.register_remote(url=listed, api_key_name="FT_KEY_OTHER", **asked)
    assert server.asked == 0 and not ModelVersion.objects.exists()
    services.register_remote(url=listed, api_key_name="FT_KEY_FAR", **asked)
    assert server.keys == ["Bearer sk-far"]


def test_nobody_listening_is_told(cast: Any, settings: Any) -> None:
    settings.FT_OUTBOUND_HOSTS = frozenset({"127.0.0.1:1"})
    with pytest.raises(Refused) as refused:
        services.register_remote(project=cast.project, name="x", url="http://127.0.0.1:1/v1", model="m", by=cast.by)
    assert refused.value.code == "unreachable"


def test_its_answers_are_stored_as_those_of_any_model(world: Any, server: Server, run_jobs: Any) -> None:
    version = register(world.cast, server)
    run = world.generation_run(Asking("zero-shot"), versions=[version])
    [job] = run_jobs()
    assert (job.state, job.result) == (Job.State.SUCCEEDED, {"answers": 18, "errors": 0})
    row = Generation.objects.filter(cell__run=run).first()
    assert row and row.values == {"desk": "tax", "reply": "Ask the tax desk."}
    assert (row.tokens_in, row.tokens_out, row.finish_reason) == (11, 9, "stop")


@pytest.mark.parametrize("answers", [16, 10], ids=["between two chunks", "within a chunk"])
def test_a_run_whose_address_goes_down_keeps_its_answers_and_goes_on(
    world: Any, server: Server, run_jobs: Any, answers: int
) -> None:
    version = register(world.cast, server)
    server.asked, server.mode = 0, f"after:{answers}"
    run = world.generation_run(Asking("zero-shot"), versions=[version])
    [job] = run_jobs()
    assert job.state == Job.State.FAILED
    assert "resume the run when the address answers" in job.error
    there = set(Generation.objects.filter(cell__run=run).exclude(finish_reason="error").values_list("pk", flat=True))
    assert len(there) == answers
    server.mode = "fine"
    services.resume_generation(run=GenerationRun.objects.get(pk=run.pk), by=SYSTEM)
    [job] = run_jobs()
    assert job.state == Job.State.SUCCEEDED
    rows = Generation.objects.filter(cell__run=run)
    assert rows.count() == 18 and not rows.filter(finish_reason="error").exists()
    assert there <= set(rows.values_list("pk", flat=True))


def test_constrained_choice_cannot_be_had_of_an_address(world: Any, server: Server) -> None:
    version = register(world.cast, server)
    with pytest.raises(Refused, match="gives no label likelihoods"):
        world.generation_run(Asking("constrained", "constrained"), versions=[version])


def test_a_deployment_says_when_it_is_down(cast: Any, server: Server) -> None:
    deployment = register(cast, server).deployments.get()
    server.mode = "down"
    deployment = services.check_remote(deployment=deployment)
    assert deployment.health == "down" and "503" in deployment.health_message
    server.mode = "fine"
    assert services.check_remote(deployment=deployment).health == "up"
