"""What a fuzzer sends: keys of thousands of digits, NUL characters, bodies without a bottom. Each is refused, none is an error of ours."""

import base64
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from annotation.models import Example, Import, Lease
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = "/api/v1/projects/building-questions/"
NINES = "9" * 5000


@pytest.fixture
def queue(cast: Any, run_jobs: Any, tmp_path: Any) -> Any:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(6))
    run_jobs()
    return factories.make_queue(cast.project, Example.objects.filter(project=cast.project).order_by("pk"))


@pytest.mark.parametrize("address,field", [
    ("examples/?split=%00", "split"),
    ("examples/?state=%00", "state"),
    ("examples/?state=nonsense", "state"),
    ("examples/?q=%00", "q"),
    ("dataset-versions/?kind=%00", "kind"),
    (f"annotations/?example={NINES}", "example"),
])  # fmt: skip
def test_a_filter_that_cannot_be_is_refused_at_its_name(cast: Any, address: str, field: str) -> None:
    refused = cast.client("ada").get(PROJECT + address)
    assert refused.status_code == 400 and [one["field"] for one in refused.json()["errors"]] == [field]


def test_filters_that_can_be_still_narrow(cast: Any, queue: Any) -> None:
    client = cast.client("ada")
    assert len(client.get(PROJECT + "examples/?split=none&state=resolved&q=permits").json()["results"]) == 2
    example = Example.objects.latest("pk").pk
    [one] = client.get(f"{PROJECT}annotations/?example={example}").json()["results"]
    assert one["example"] == example


@pytest.mark.parametrize("position", ["a", "", "\x00", NINES, "1.5"])
def test_a_cursor_that_is_no_key_is_refused(cast: Any, position: str) -> None:
    cursor = base64.b64encode(f"p={position}".encode()).decode()
    answer = cast.client("ada").get(PROJECT + "examples/", {"cursor": cursor})
    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["/projects/building-questions/jobs/", "/audit/"])
def test_a_page_before_a_key_that_cannot_be_is_the_first_page(cast: Any, page: str) -> None:
    address = page if "projects" in page else "/projects/building-questions" + page
    assert cast.client("ada").get(address, {"before": NINES}).status_code == 200


@pytest.mark.parametrize("field,value", [
    ("limit", "1000000000000"),
    ("mapping", '{"question": "input:question", "a\\u0000": "raw"}'),
    ("mapping", '{"question": "\\ud800"}'),
    ("mapping", "[" * 100_000),
    ("delimiter", "\x00"),
])  # fmt: skip
def test_an_import_that_cannot_be_is_refused_at_its_field(cast: Any, field: str, value: str) -> None:
    file = SimpleUploadedFile("t.csv", b"question,desk,reply\nOne?,tax,Yes\n")
    refused = cast.client("ada").post(PROJECT + "imports/", {"file": file, field: value})
    assert refused.status_code == 400, refused.content[:300]
    assert [one["field"] for one in refused.json()["errors"]] == [field]
    assert not Import.objects.exists()


@pytest.mark.parametrize("media", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(cast: Any, media: str) -> None:
    body = json.dumps({"name": "x" * 6_000_000}) if "json" in media else "name=" + "x" * 6_000_000
    refused = cast.client("ada").post("/api/v1/projects/", body, content_type=media)
    assert refused.status_code == 413, refused.content
    assert refused.json()["code"] == "body-too-large"


def test_a_draft_that_is_too_long_is_refused(cast: Any, queue: Any) -> None:
    client = cast.client("lea")
    lease = client.post(PROJECT + "leases/", "{}", content_type="application/json").json()
    body = {"draft": {"reply": "x" * 1_100_000}, "revision": 0}
    refused = client.post(f"/api/v1/leases/{lease['id']}/draft/", json.dumps(body), content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (413, "draft-too-long")
    assert Lease.objects.get(pk=lease["id"]).draft is None


@pytest.mark.parametrize("levels", [100, 900, 100_000])
def test_a_body_without_a_bottom_is_refused(cast: Any, queue: Any, levels: int) -> None:
    client = cast.client("lea")
    lease = client.post(PROJECT + "leases/", "{}", content_type="application/json").json()
    deep = "[" * levels + "]" * levels
    for act, name, more in (("submit", "values", ""), ("draft", "draft", ', "revision": 0')):
        body = f'{{"{name}": {{"desk": {deep}}}{more}}}'
        refused = client.post(f"/api/v1/leases/{lease['id']}/{act}/", body, content_type="application/json")
        assert refused.status_code == 400 and "deep" in refused.json()["detail"]
    fine = {"draft": {"desk": [[["tax"]]]}, "revision": 0}
    saved = client.post(f"/api/v1/leases/{lease['id']}/draft/", json.dumps(fine), content_type="application/json")
    assert saved.status_code == 200
