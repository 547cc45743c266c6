"""The room's resources under /api/v1/, as a script uses them."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation import services
from annotation.models import Annotation, Example, Import, Lease, Queue
from ftplatform.accounts.services import create_api_key
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(cast: Any, run_jobs: Any, tmp_path: Any) -> Queue:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(40))
    run_jobs()
    return factories.make_queue(cast.project, Example.objects.filter(project=cast.project).order_by("pk"))


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", headers=headers)


def file_of(text: str, name: str = "t.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


MAPPING = json.dumps({"q": "input:question", "desk": "field:desk", "reply": "field:reply"})


def test_an_import_starts_a_job_and_tells_what_came_of_it(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    text = "q,desk,reply\nOne?,tax,Yes\nTwo?,fees,No\nOne?,tax,Yes\n"
    sent = {"file": file_of(text), "format": "csv", "mapping": MAPPING, "keep_good_rows": "true"}
    started = client.post("/api/v1/projects/building-questions/imports/", sent)
    assert started.status_code == 202 and started.json()["job"]
    run_jobs()
    told = client.get(f"/api/v1/imports/{started.json()['id']}/").json()
    counts = ("state", "rows_total", "rows_imported", "rows_rejected", "rows_duplicate")
    assert [told[name] for name in counts] == ["succeeded", 3, 1, 1, 1]
    assert told["errors"][0]["row"] == 3 and told["errors"][0]["field"] == "desk"
    csv = client.get(f"/api/v1/imports/{told['id']}/rejected.csv")
    assert b"Two?" in b"".join(csv.streaming_content)


def test_the_same_key_starts_one_import(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    for _ in range(2):
        sent = {"file": file_of("q,desk,reply\nOne?,tax,Yes\n"), "mapping": MAPPING}
        answer = client.post("/api/v1/projects/building-questions/imports/", sent, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 202
    assert Import.objects.count() == 1
    other = {"file": file_of("q,desk,reply\nTwo?,tax,Yes\n"), "mapping": MAPPING}
    refused = client.post("/api/v1/projects/building-questions/imports/", other, headers={"Idempotency-Key": "k1"})
    assert refused.status_code == 422


def test_a_bad_mapping_is_a_problem_document(cast: Any) -> None:
    for mapping, field in (("{", "mapping"), ('{"q": "input:nothing"}', "q"), ('{"q": 3}', "mapping")):
        answer = cast.client("ada").post(
            "/api/v1/projects/building-questions/imports/", {"file": file_of("q\nOne?\n"), "mapping": mapping}
        )
        assert answer.status_code == 400 and answer["Content-Type"].startswith("application/problem+json")
        assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_lease_from_hand_to_submit(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    first = post(client, "projects/building-questions/leases/", {"queue": queue.pk})
    lease = first.json()
    assert first.status_code == 201 and lease["example"]["inputs"]["question"] and lease["example"]["suggestions"] == []
    assert post(client, "projects/building-questions/leases/").json()["id"] == lease["id"]
    ahead = post(client, "projects/building-questions/leases/", {"after": lease["id"]}).json()
    assert ahead["id"] != lease["id"]
    drafted = post(client, f"leases/{lease['id']}/draft/", {"draft": {"desk": "tax"}, "revision": 0})
    assert drafted.json()["draft_revision"] == 1
    assert post(client, f"leases/{lease['id']}/draft/", {"draft": {}, "revision": 0}).status_code == 409
    body = {"values": {"desk": "tax", "reply": "Ask."}, "seconds": 9.5}
    made, again = (post(client, f"leases/{lease['id']}/submit/", body) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]
    other = post(client, f"leases/{lease['id']}/submit/", {"values": {"desk": "energy", "reply": "Ask."}})
    assert other.status_code == 409 and "last answers" in other.json()["detail"]
    revised = post(client, f"annotations/{made.json()['id']}/revise/", {"values": {"desk": "energy", "reply": "Ask."}})
    assert revised.status_code == 201 and revised.json()["supersedes"] == made.json()["id"]
    assert post(client, "projects/building-questions/leases/").json()["id"] == ahead["id"]
    assert post(client, f"leases/{ahead['id']}/skip/", {"reason": "no"}).status_code == 204
    third = post(client, "projects/building-questions/leases/").json()
    assert post(client, f"leases/{third['id']}/release/").status_code == 204


def test_nothing_left_answers_204(cast: Any, queue: Queue) -> None:
    Lease.objects.all().delete()
    queue.slots.exclude(pk=queue.slots.earliest("position").pk).delete()
    client = cast.client("lea")
    lease = post(client, "projects/building-questions/leases/").json()
    assert post(client, f"leases/{lease['id']}/submit/", {"values": {"desk": "tax", "reply": "A"}}).status_code == 201
    assert post(client, "projects/building-questions/leases/").status_code == 204


def test_bad_values_name_their_field_and_write_nothing(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = post(client, "projects/building-questions/leases/").json()
    for values, field in (
        ({"desk": "nowhere", "reply": "A"}, "desk"),
        ({"desk": "tax"}, "reply"),
        ({"desk": "tax", "reply": "A\x00"}, "reply"),
        ({"desk": "tax", "reply": 3}, "reply"),
        ({"desk": "tax", "reply": "A", "more": 1}, "more"),
    ):
        answer = post(client, f"leases/{lease['id']}/submit/", {"values": values})
        assert answer.status_code == 400, values
        assert answer.json()["errors"][0]["field"] == field
    assert not Annotation.objects.filter(author=cast.lea).exists()


def test_roles_and_foreign_objects(cast: Any, queue: Queue) -> None:
    example = Example.objects.filter(project=cast.project).earliest("pk")
    lease = post(cast.client("lea"), "projects/building-questions/leases/").json()
    evaluation_set, _ = factories.make_sets(cast.project)
    gets = [
        "projects/building-questions/imports/",
        "projects/building-questions/examples/",
        "projects/building-questions/evaluation-sets/",
        "projects/building-questions/dataset-versions/",
        f"examples/{example.pk}/",
        f"imports/{Import.objects.get(project=cast.project).pk}/",
        f"dataset-versions/{evaluation_set.pk}/",
        f"dataset-versions/{evaluation_set.pk}/export/?format=csv",
    ]
    for path in gets:
        wanted = {"ada": 200, "vic": 200, "lea": 403, "mal": 404}
        assert {who: cast.client(who).get(f"/api/v1/{path}").status_code for who in wanted} == wanted, path
        assert Client().get(f"/api/v1/{path}").status_code == 401
    for act in ("submit", "draft", "skip", "release"):
        for who in ("ada", "mal"):  # not even an admin acts with another's lease
            assert post(cast.client(who), f"leases/{lease['id']}/{act}/").status_code == 404
    assert post(cast.client("vic"), "projects/building-questions/leases/").status_code == 403
    assert post(cast.client("vic"), "projects/building-questions/evaluation-sets/", {"size": 5}).status_code == 403


def test_a_labeler_lists_their_own_answers_and_no_other(cast: Any, queue: Queue) -> None:
    address = "/api/v1/projects/building-questions/annotations/"
    made = {}
    for who in ("lea", "rev"):
        lease = post(cast.client(who), "projects/building-questions/leases/", {"queue": queue.pk}).json()
        values = {"values": {"desk": "tax", "reply": "Ask the tax desk."}}
        made[who] = post(cast.client(who), f"leases/{lease['id']}/submit/", values).json()
    assert [one["id"] for one in cast.client("lea").get(address).json()["results"]] == [made["lea"]["id"]]
    for who in ("rev", "vic"):
        found = [one["id"] for one in cast.client(who).get(address).json()["results"]]
        assert {made["lea"]["id"], made["rev"]["id"]} <= set(found), who
    asked = cast.client("lea").get(address, {"example": made["rev"]["example"]}).json()
    assert asked["results"] == [], "not even where the ticket is named"
    answers = {who: cast.client(who).get(address).status_code for who in ("eve", "mal")}
    assert answers == {"eve": 403, "mal": 404}
    (mine,) = cast.client("lea").get(address).json()["results"]
    revised = post(cast.client("lea"), f"annotations/{mine['id']}/revise/", {"values": {"desk": "tax", "reply": "No."}})
    assert revised.status_code == 201, "what the list names can be revised"


def test_sets_are_drawn_frozen_and_exported(cast: Any, queue: Queue) -> None:
    client = cast.client("ada")
    refused = post(client, "projects/building-questions/evaluation-sets/", {"size": 5, "stratify": "nothing"})
    assert refused.status_code == 400 and "desk" in refused.json()["detail"]
    early = post(client, "projects/building-questions/evaluation-sets/", {"size": 0})
    assert early.status_code == 400 and "no test set yet" in early.json()["detail"]
    made = post(client, "projects/building-questions/evaluation-sets/", {"size": 10, "stratify": "desk"})
    unchanged = post(client, "projects/building-questions/evaluation-sets/", {"size": 0})
    assert unchanged.status_code == 409 and unchanged.json()["evaluation_set"] == made.json()["id"]
    assert made.status_code == 201 and made.json()["counts"] == {"test": 10}
    early = post(client, "projects/building-questions/dataset-versions/", {"evaluation_set": made.json()["id"]})
    assert early.status_code == 409
    body = {"evaluation_set": made.json()["id"], "validation": 5}
    frozen = post(client, "projects/building-questions/dataset-versions/", body)
    assert frozen.status_code == 201 and frozen.json()["counts"] == {"train": 25, "validation": 5}
    for name in ("openai-chat", "prompt-completion", "alpaca", "sharegpt", "csv", "jsonl", "parquet"):
        answer = client.get(f"/api/v1/dataset-versions/{frozen.json()['id']}/export/?format={name}&split=train")
        assert answer.status_code == 200, name
        ending = answer.headers["Content-Disposition"].rstrip('"').rpartition(".")[2]
        assert ending == {"alpaca": "json", "sharegpt": "json", "csv": "csv", "parquet": "parquet"}.get(name, "jsonl")
        data = b"".join(answer.streaming_content)
        if ending.startswith("json"):
            rows = json.loads(data) if ending == "json" else [json.loads(line) for line in data.splitlines()]
            assert len(rows) == 25, name
    assert client.get(f"/api/v1/dataset-versions/{frozen.json()['id']}/export/?format=x").status_code == 400


def test_lists_page_by_cursor(cast: Any, queue: Queue) -> None:
    client = cast.client("vic")
    first = client.get("/api/v1/projects/building-questions/examples/?page_size=30").json()
    assert set(first) == {"next", "previous", "results"} and len(first["results"]) == 30
    second = client.get(first["next"]).json()
    assert len(second["results"]) == 10
    assert second["results"][-1]["labels"]["desk"]["basis"] == "imported"


def test_a_key_of_another_project_opens_nothing(cast: Any, queue: Queue) -> None:
    _, text = create_api_key(user=cast.ada, name="k", project=cast.other, by=cast.by)
    bearer = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/projects/building-questions/examples/", headers=bearer).status_code == 404
    _, own = create_api_key(user=cast.ada, name="k", project=cast.project, by=cast.by)
    bearer = {"Authorization": f"Bearer {own}"}
    assert Client().get("/api/v1/projects/building-questions/examples/", headers=bearer).status_code == 200


def test_a_reviewer_decides_through_the_api(cast: Any, queue: Queue) -> None:
    example = Example.objects.filter(project=cast.project).earliest("pk")
    body = {"example": example.pk, "values": {"desk": "energy", "reply": "Ours"}, "note": "clear"}
    assert post(cast.client("lea"), "projects/building-questions/reviews/", body).status_code == 403
    assert post(cast.client("rev"), "projects/building-questions/reviews/", body).status_code == 201
    labels = cast.client("rev").get(f"/api/v1/examples/{example.pk}/").json()["labels"]
    assert labels["desk"] == {"value": "energy", "basis": "adjudicated", "confidence": None}


def test_a_queue_is_opened_and_a_ticket_flagged(cast: Any, queue: Queue) -> None:
    admin, path = cast.client("ada"), "projects/building-questions/queues/"
    services.close_queue(queue=queue, by=cast.by)
    opened = post(admin, path, {"name": "Check", "source": "resolved", "limit": 5, "overlap": 2})
    assert opened.status_code == 201 and opened.json()["total"] == 10
    assert post(admin, path, {"name": "Check", "source": "nonsense"}).status_code == 400
    assert post(cast.client("lea"), path, {"name": "Mine", "source": "all"}).status_code == 403

    flagged = Example.objects.filter(project=cast.project).earliest("pk")
    assert post(cast.client("lea"), f"examples/{flagged.pk}/flag/", {"flagged": True}).status_code == 204
    [row] = admin.get("/api/v1/projects/building-questions/examples/?flagged=true").json()["results"]
    assert row["id"] == flagged.pk
    assert post(cast.client("vic"), f"examples/{flagged.pk}/flag/", {"flagged": False}).status_code == 403


def test_the_seed_draws_what_is_trained_on(cast: Any, queue: Queue) -> None:
    client, path = cast.client("ada"), "projects/building-questions/dataset-versions/"
    apart = services.freeze_evaluation_set(project=cast.project, size=8, by=cast.by)
    body = {"evaluation_set": apart.pk, "validation": 4, "train_limit": 6}
    first = post(client, path, body).json()
    second = post(client, path, {**body, "validation": None, "seed": 5}).json()
    assert first["hash"] != second["hash"]
    assert second["card"]["draw"] == {"seed": 5, "train_limit": 6}
