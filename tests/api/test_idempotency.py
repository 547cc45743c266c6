"""`Idempotency-Key`: work starts once, however often it is asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from ftplatform.api.idempotency import once
from ftplatform.errors import Refused
from ftplatform.jobs.models import IdempotencyKey
from tests.factories import Cast, make_user

make = APIRequestFactory()


def asked(user: Any, body: dict[str, Any], key: str = "k", *, fmt: str = "json", address: str = "/x/") -> Request:
    request = Request(
        make.post(address, body, format=fmt, headers={"Idempotency-Key": key} if key else {}),
        parsers=[JSONParser(), MultiPartParser()],
    )
    request.user = user
    return request


class Work:
    def __init__(self) -> None:
        self.begun = 0

    def __call__(self) -> tuple[int, dict[str, int]]:
        self.begun += 1
        return 202, {"job": self.begun}


@pytest.mark.django_db
def test_the_same_request_twice_starts_once_and_answers_the_same(cast: Cast) -> None:
    work = Work()
    first, second = (once(asked(cast.ada, {"a": 1}), work) for _ in range(2))
    assert work.begun == 1
    assert (first.status_code, first.data) == (second.status_code, second.data) == (202, {"job": 1})


@pytest.mark.django_db
def test_the_order_of_fields_does_not_matter(cast: Cast) -> None:
    work = Work()
    once(asked(cast.ada, {"a": 1, "b": 2}), work)
    once(asked(cast.ada, {"b": 2, "a": 1}), work)
    assert work.begun == 1


@pytest.mark.django_db
@pytest.mark.parametrize("other", [{"body": {"a": 2}}, {"address": "/y/"}])
def test_the_same_key_with_another_request_is_refused(cast: Cast, other: dict[str, Any]) -> None:
    work = Work()
    once(asked(cast.ada, {"a": 1}), work)
    with pytest.raises(Refused) as refused:
        once(asked(cast.ada, other.get("body", {"a": 1}), address=other.get("address", "/x/")), work)
    assert refused.value.status == 422
    assert work.begun == 1


@pytest.mark.django_db
def test_another_file_under_the_same_name_is_another_request(cast: Cast) -> None:
    work = Work()
    once(asked(cast.ada, {"file": SimpleUploadedFile("t.csv", b"a\n1\n")}, fmt="multipart"), work)
    once(asked(cast.ada, {"file": SimpleUploadedFile("t.csv", b"a\n1\n")}, fmt="multipart"), work)
    with pytest.raises(Refused):
        once(asked(cast.ada, {"file": SimpleUploadedFile("t.csv", b"a\n2\n")}, fmt="multipart"), work)
    assert work.begun == 1


@pytest.mark.django_db
def test_two_people_may_use_the_same_key(cast: Cast) -> None:
    work = Work()
    once(asked(cast.ada, {"a": 1}), work)
    once(asked(cast.mal, {"a": 1}), work)
    assert work.begun == 2


@pytest.mark.django_db
def test_without_a_key_each_request_starts_work(cast: Cast) -> None:
    work = Work()
    once(asked(cast.ada, {"a": 1}, key=""), work)
    once(asked(cast.ada, {"a": 1}, key=""), work)
    assert work.begun == 2


@pytest.mark.django_db
def test_a_refused_request_may_be_tried_again(cast: Cast) -> None:
    def refuse() -> Any:
        raise Refused("no", "Not now.")

    with pytest.raises(Refused):
        once(asked(cast.ada, {"a": 1}), refuse)
    assert not IdempotencyKey.objects.exists()
    assert once(asked(cast.ada, {"a": 1}), Work()).data == {"job": 1}


@pytest.mark.django_db
def test_a_key_that_is_too_long_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused):
        once(asked(cast.ada, {}, key="k" * 201), Work())


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_start_once() -> None:
    user = make_user("ada")
    work, answers, barrier = Work(), [], threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        try:
            answers.append(once(asked(user, {"a": 1}), work).data)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.begun == 1
    assert answers == [{"job": 1}] * 8
