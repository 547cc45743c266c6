"""The OpenAI backend against a real server on loopback that behaves and misbehaves as told."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx
import pytest

from inference.backends.base import BackendError, ChoiceRequest, GenerationRequest, Message, Sampling
from inference.backends.openai_backend import OpenAIBackend

ANSWER = "desk: permits\nreply: åäö 🏠"


class Script:
    """What the server does with each request in turn (the last thing for ever), and what it was sent."""

    def __init__(self, *behaviours):
        self.behaviours = list(behaviours)
        self.bodies = []
        self.headers = []
        self.lock = threading.Lock()

    def next(self):
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


@contextmanager
def serving(script):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with script.lock:
                script.bodies.append(json.loads(body))
                script.headers.append(dict(self.headers))
                behaviour = script.next()
            behaviour(self)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def says(status, data, kind="application/json", **headers):
    def behave(handler):
        payload = data if isinstance(data, bytes) else json.dumps(data).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    return behave


def streams(*events, pause=0.0, end=b"data: [DONE]\n\n", piece=0):
    """Server-sent events, flushed one by one, or in pieces of so many bytes."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.end_headers()
        data = [
            event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n" for event in events
        ]
        data.append(end)
        if piece:
            whole = b"".join(data)
            data = [whole[at : at + piece] for at in range(0, len(whole), piece)]
        for one in data:
            time.sleep(pause)
            handler.wfile.write(one)
            handler.wfile.flush()

    return behave


def delta(text=None, finish=None, **more):
    return {
        "choices": [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}],
        **more,
    }


USAGE = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}}
GOOD = streams(delta(""), *(delta(character) for character in ANSWER), delta(finish="stop"), USAGE)


def whole(text, finish="stop", **more):
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}], **more}


def requests(count):
    return [
        GenerationRequest(str(n), (Message("system", "Be kind."), Message("user", f"Question {n}?")))
        for n in range(count)
    ]


def ask(script, count=1, sampling=None, timeout=5.0, **options):
    pauses = []
    with serving(script) as url, httpx.Client(timeout=timeout) as client:
        backend = OpenAIBackend(url, "m", client=client, sleep=pauses.append, **options)
        outputs = list(backend.generate(requests(count), sampling or Sampling(max_new_tokens=9)))
    script.pauses = pauses
    return outputs


def failure(script, **options):
    with pytest.raises(BackendError) as caught:
        ask(script, **options)
    return caught.value


# ── it answers ──


def test_a_streamed_answer_comes_whole_with_its_counts_and_times():
    script = Script(streams(delta("a"), delta("b"), delta(finish="stop"), USAGE, pause=0.02))
    (output,) = ask(script)
    assert (output.text, output.finish_reason, output.tokens_in, output.tokens_out) == ("ab", "stop", 11, 7)
    assert 0.02 <= output.first_token_seconds < output.seconds
    assert output.concurrency == 1


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_events_may_arrive_in_any_pieces(piece):
    (output,) = ask(Script(streams(delta(ANSWER), b": keep-alive\r\n\r\n", delta(finish="length"), USAGE, piece=piece)))
    assert (output.text, output.finish_reason) == (ANSWER, "length")


def test_what_is_asked_is_what_was_meant():
    script = Script(GOOD)
    ask(
        script,
        sampling=Sampling(max_new_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=("\n\n",)),
        api_key="secret",
    )
    body = script.bodies[0]
    assert body["model"] == "m"
    assert body["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Question 0?"}]
    assert (body["max_tokens"], body["temperature"], body["top_p"], body["seed"], body["stop"]) == (
        9,
        0.5,
        0.9,
        3,
        ["\n\n"],
    )
    assert script.headers[0]["Authorization"] == "Bearer secret"


def test_without_a_key_none_is_sent():
    script = Script(GOOD)
    ask(script)
    assert "Authorization" not in script.headers[0]


def test_answers_come_in_the_order_of_the_requests_and_several_are_under_way():
    arrivals, waiting, most_waiting = count(), set(), 0

    def slow(handler):
        nonlocal most_waiting
        with script.lock:
            number = next(arrivals)
            waiting.add(number)
            most_waiting = max(most_waiting, len(waiting))
        time.sleep(0.05 * (3 - number % 3))
        with script.lock:  # before the answer: its last byte frees the client for the next request
            waiting.remove(number)
        GOOD(handler)

    script = Script(slow)
    outputs = ask(script, count=9, concurrency=3)
    assert [output.id for output in outputs] == [str(n) for n in range(9)]
    assert most_waiting == 3
    assert {output.concurrency for output in outputs} == {3}


def test_a_server_that_does_not_stream_is_understood():
    (output,) = ask(Script(says(200, whole(ANSWER, usage={"prompt_tokens": 4, "completion_tokens": 5}))))
    assert (output.text, output.tokens_in, output.tokens_out, output.first_token_seconds) == (ANSWER, 4, 5, None)


def test_counts_that_a_server_does_not_tell_are_none_and_not_made_up():
    (output,) = ask(Script(streams(delta("x"), delta(finish="stop"))))
    assert (output.tokens_in, output.tokens_out) == (None, None)


@pytest.mark.parametrize("content", [None, ""])
def test_an_empty_answer_is_an_answer(content):
    (output,) = ask(Script(says(200, whole(content))))
    assert (output.text, output.finish_reason) == ("", "stop")


def test_half_a_character_is_no_text_and_a_pair_in_two_pieces_is_one():
    halves = streams(
        b'data: {"choices":[{"delta":{"content":"\\ud83c"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\udfe0 \\ud83c"},"finish_reason":"stop"}]}\n\n',
    )
    (output,) = ask(Script(halves))
    assert output.text.startswith("\U0001f3e0 ")
    output.text.encode("utf-8")


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_given_in_any_of_its_forms(suffix):
    with httpx.Client() as client:
        assert (
            OpenAIBackend(f"http://host:1{suffix}", "m", client=client).address == "http://host:1/v1/chat/completions"
        )


# ── it is refused, and tries again ──


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status):
    script = Script(says(status, {"error": {"message": "busy"}}), says(status, b"<html>", "text/html"), GOOD)
    (output,) = ask(script)
    assert output.text == ANSWER
    assert len(script.bodies) == 3
    assert 0.3 < script.pauses[0] < script.pauses[1] < 1.3


def test_the_servers_wish_when_to_come_again_is_kept_within_bounds():
    script = Script(says(429, {}, Retry_After="7"), says(429, {}, Retry_After="9999"), GOOD)
    ask(script)
    assert script.pauses == [7.0, 30.0]


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (says(429, {"error": {"message": "slow down"}}), "rate-limited"),
        (says(500, {"error": "boom"}), "server-error"),
        (streams(delta("x"), {"error": {"message": "cuda died"}}), "server-error"),
        (says(200, b"<html>hello</html>", "text/html"), "garbage"),
        (says(200, b""), "garbage"),
        (says(200, [1, 2]), "garbage"),
        (says(200, {"choices": []}), "garbage"),
        (says(200, {"choices": "x"}), "garbage"),
        (says(200, {"choices": [{"message": "x"}]}), "garbage"),
        (says(200, {"choices": [{"message": {"content": [1]}, "finish_reason": "stop"}]}), "garbage"),
        (says(200, b"\xff\xfe\x00"), "garbage"),
        (says(200, b"[" * 50_000), "garbage"),
        (streams(), "garbage"),
        (streams(delta("broken off"), end=b""), "garbage"),
        (streams(b"data: {not json\n\n"), "garbage"),
        (lambda handler: handler.connection.close(), "unreachable"),
    ],
)
def test_what_does_not_mend_is_told(behaviour, code):
    script = Script(behaviour)
    error = failure(script)
    assert error.code == code
    assert "127.0.0.1" in error.message
    assert len(script.bodies) == 4


def test_the_beginning_of_garbage_is_shown():
    assert (
        "Welcome to nginx"
        in failure(Script(says(200, b"<h1>Welcome to nginx!</h1>" + b"x" * 9999, "text/html"))).message
    )


def test_an_answer_without_end_is_cut(monkeypatch):
    monkeypatch.setattr("inference.backends.answers.MOST_BYTES", 10_000)
    endless = streams(*[delta("x" * 500)] * 100)
    assert "longer than" in failure(Script(endless), attempts=1).message


def test_a_dripping_server_is_left(monkeypatch):
    monkeypatch.setattr("inference.backends.answers.MOST_SECONDS", 0.1)
    assert failure(Script(streams(*[delta("x")] * 100, pause=0.02)), attempts=1).code == "timeout"


def test_a_silent_server_is_left():
    error = failure(Script(lambda handler: time.sleep(0.5)), timeout=0.1, attempts=2)
    assert error.code == "timeout"


def test_a_server_that_is_down_says_so():
    with httpx.Client() as client:
        backend = OpenAIBackend("http://127.0.0.1:9", "m", client=client, sleep=lambda seconds: None)
        with pytest.raises(BackendError, match="cannot be reached") as caught:
            list(backend.generate(requests(3), Sampling()))
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/v1", "http://[::1", "http://host:99999"])
def test_what_is_no_address_says_so(url):
    with httpx.Client() as client, pytest.raises(BackendError) as caught:
        list(OpenAIBackend(url, "m", client=client, sleep=lambda seconds: None).generate(requests(1), Sampling()))
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "key"), (403, "key"), (404, "model called 'm'"), (400, "bad temperature"), (302, "Redirects")],
)
def test_a_refusal_is_told_at_once(status, word):
    script = Script(says(status, {"error": {"message": "bad temperature"}}, Location="/elsewhere"))
    error = failure(script, count=20, concurrency=1)
    assert (error.code, word in error.message) == ("refused", True)
    assert len(script.bodies) == 1


def test_after_one_failure_the_others_are_not_asked():
    script = Script(GOOD, says(401, {}), GOOD)
    error = failure(script, count=50, concurrency=2)
    assert error.code == "refused"
    assert len(script.bodies) < 10


def test_a_ticket_too_long_for_the_server_is_that_tickets_error():
    long = says(
        400,
        {"error": {"message": "This model's maximum context length is 8192 tokens", "code": "context_length_exceeded"}},
    )
    outputs = ask(Script(GOOD, long, GOOD), count=3, concurrency=1)
    assert [output.finish_reason for output in outputs] == ["stop", "error", "stop"]
    assert "8192" in outputs[1].error


def test_a_content_filter_is_that_tickets_error():
    (output,) = ask(Script(streams(delta("x"), delta(finish="content_filter"))))
    assert (output.finish_reason, "filter" in output.error) == ("error", True)


def test_what_a_server_does_not_know_is_not_sent_again():
    script = Script(
        says(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
        says(400, {"error": {"message": "'max_tokens' is not supported, use 'max_completion_tokens' instead"}}),
        GOOD,
    )
    outputs = ask(script, count=2, concurrency=1)
    assert [output.text for output in outputs] == [ANSWER, ANSWER]
    assert [("stream_options" in body, "max_tokens" in body) for body in script.bodies] == [
        (True, True),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert script.bodies[-1]["max_completion_tokens"] == 9


def test_given_labels_cannot_be_scored_and_the_way_out_is_told():
    with httpx.Client() as client:
        backend = OpenAIBackend("http://host", "m", client=client)
        with pytest.raises(BackendError, match="transformers backend") as caught:
            backend.score_choices([ChoiceRequest("1", (), "", ("a", "b"))])
    assert caught.value.code == "unsupported"
