"""The room's pages as each role meets them."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotation import services
from annotation.models import Annotation, DatasetVersion, Example, HandoutSlot, Import, Lease, Queue, Suggestion
from ftplatform.accounts.actors import Actor
from ftplatform.projects import counters
from ftplatform.projects import services as projects
from ftplatform.projects.spec import RESERVED_KEYS, Choice, InputColumn, TaskField, TaskSpec
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tickets(cast: Any, run_jobs: Any, tmp_path: Any) -> Any:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(40))
    run_jobs()
    return Example.objects.filter(project=cast.project).order_by("pk")


@pytest.fixture
def queue(cast: Any, tickets: Any) -> Queue:
    return factories.make_queue(cast.project, tickets)


def url(cast: Any, name: str, *more: Any) -> str:
    return reverse(f"annotation:{name}", args=[cast.project.slug, *more])


READ = {"ada": 200, "rev": 200, "vic": 200, "lea": 403, "eve": 403, "mal": 404}
WORK = {"ada": 200, "rev": 200, "lea": 200, "vic": 403, "eve": 403, "mal": 404}
OWN = {"ada": 200, "rev": 403, "vic": 403, "lea": 403, "eve": 403, "mal": 404}
DECIDE = {"ada": 200, "rev": 200, "vic": 403, "lea": 403, "eve": 403, "mal": 404}


def test_each_page_opens_for_its_roles_only_and_hides_from_other_projects(cast: Any, queue: Queue) -> None:
    example = Example.objects.filter(project=cast.project).earliest("pk")
    evaluation_set, training_set = factories.make_sets(cast.project)
    source = Import.objects.get(project=cast.project)
    pages = {
        url(cast, "tickets"): READ,
        url(cast, "ticket", example.pk): READ,
        url(cast, "import", source.pk): READ,
        url(cast, "rejected", source.pk): READ,
        url(cast, "test-set"): READ,
        url(cast, "datasets"): READ,
        url(cast, "dataset", "evaluation", evaluation_set.number): READ,
        url(cast, "dataset", "sft", training_set.number): READ,
        url(cast, "export", "sft", training_set.number) + "?format=jsonl": READ,
        url(cast, "labels"): READ,
        url(cast, "upload"): OWN,
        url(cast, "review", example.pk): DECIDE,
        url(cast, "label", queue.pk): WORK,
        url(cast, "mine", queue.pk): WORK,
    }
    for who in READ:
        client = cast.client(who)
        for page, expected in pages.items():
            assert client.get(page).status_code == expected[who], (who, page)


def test_another_projects_objects_do_not_exist_under_the_own_address(cast: Any, queue: Queue) -> None:
    example = Example.objects.filter(project=cast.project).earliest("pk")
    client = cast.client("mal")
    for name, key in (("ticket", example.pk), ("label", queue.pk), ("review", example.pk), ("import", 1)):
        assert client.get(reverse(f"annotation:{name}", args=[cast.other.slug, key])).status_code == 404


def test_a_labeler_submits_and_meets_the_next_ticket(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    page = client.get(url(cast, "label", queue.pk))
    lease = page.context["lease"]
    assert lease.example.content.inputs["question"] in page.content.decode()
    assert client.get(url(cast, "label", queue.pk)).context["lease"].pk == lease.pk  # a reload gives the same
    answer = {
        "lease": str(lease.pk),
        "f-desk": "tax",
        "f-reply": "Ask the tax desk.\r\nToday. ",
        "seconds": "12.5",
        "note": "odd",
    }
    following = client.post(url(cast, "label", queue.pk), answer, headers={"HX-Request": "true"})
    assert following.status_code == 200
    assert following.context["lease"].example_id != lease.example_id
    made = Annotation.objects.get(author=cast.lea)
    assert made.values == {"desk": "tax", "reply": "Ask the tax desk.\nToday."}
    assert (made.seconds, made.note) == (12.5, "odd")
    assert client.post(url(cast, "label", queue.pk), answer).status_code == 302  # the same again counts once
    assert Annotation.objects.filter(author=cast.lea).count() == 1


def test_a_tasks_fields_may_be_named_as_the_pages_own_inputs(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    yes_no = (Choice(value="yes"), Choice(value="no"))
    chosen = [TaskField(name=name, kind="choice", choices=yes_no) for name in ("lease", "unsure")]
    typed = [TaskField(name=name, kind="text") for name in ("revision", "ahead", "note")]
    fields = (*chosen, TaskField(name="seconds", kind="number"), *typed)
    spec = TaskSpec(inputs=(InputColumn(name="question"),), fields=fields, user="{question}", codec="json")
    projects.revise_task(project=cast.project, spec=spec, by=cast.by)
    cast.project.refresh_from_db()
    row = {"question": "May I build here?"}
    factories.import_rows(cast.project, tmp_path / "t.csv", [row], mapping={"question": "input:question"})
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    client, label = cast.client("lea"), url(cast, "label", queue.pk)
    lease = client.get(label).context["lease"]
    values = {"lease": "yes", "unsure": "no", "revision": "r", "ahead": "a", "note": "The answer", "seconds": 7}
    answer = {f"f-{name}": str(value) for name, value in values.items()}

    draft = client.post(url(cast, "draft", queue.pk, lease.pk), {**answer, "revision": "0", "note": "odd"})
    assert draft.json() == {"revision": 1}
    page = client.get(label)
    shown = {one.name: one.value for one in page.context["fields"]}
    assert shown == values and page.context["note"] == "odd" and not page.context["unsure"]
    assert all(f'name="{name}"' in page.content.decode() for name in answer)

    assert client.post(label, {**answer, "lease": str(lease.pk), "seconds": "3", "note": "odd"}).status_code == 302
    made = Annotation.objects.get(author=cast.lea)
    assert (made.values, made.note, made.seconds, made.is_unsure) == (values, "odd", 3.0, False)
    client = cast.client("rev")
    client.post(url(cast, "review", made.example_id), {**answer, "f-note": "Better", "note": "why"})
    review = Annotation.objects.get(author=cast.rev)
    assert (review.values["note"], review.note) == ("Better", "why")


def test_the_next_ticket_is_fetched_while_one_is_read_and_counts_as_seen_when_the_first_is_submitted(
    cast: Any, queue: Queue
) -> None:
    client, label = cast.client("lea"), url(cast, "label", queue.pk)
    lease = client.get(label).context["lease"]
    fetched = client.get(url(cast, "ahead", queue.pk, lease.pk))
    following = Lease.objects.get(pk=fetched.headers["X-Lease"])
    assert following.example.content.inputs["question"] in fetched.content.decode() and following.shown_at is None
    assert f"<b>1</b> of {queue.total}" in fetched.content.decode(), "it is read once one answer is in"
    assert client.get(label).context["lease"].pk == lease.pk, "a reload still gives the first"

    answer = {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "Ask the tax desk.", "ahead": str(following.pk)}
    assert client.post(label, answer, headers={"HX-Request": "true"}).status_code == 204
    following.refresh_from_db()
    assert following.shown_at and client.get(label).context["lease"].pk == following.pk

    stale = {**answer, "lease": str(following.pk), "ahead": str(lease.pk)}
    brought = client.post(label, stale, headers={"HX-Request": "true"})
    assert brought.status_code == 200 and brought.context["lease"].pk not in (lease.pk, following.pk)


def test_behind_the_last_ticket_there_is_nothing_to_fetch(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    assert client.get(url(cast, "ahead", queue.pk, lease.pk)).status_code == 204
    assert cast.client("rev").get(url(cast, "ahead", queue.pk, lease.pk)).status_code == 404, "another's lease"


def test_a_refused_answer_keeps_what_was_typed_and_says_why(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    page = client.post(
        url(cast, "label", queue.pk), {"lease": str(lease.pk), "f-reply": "Half an answer", "note": "see"}
    )
    text = page.content.decode()
    assert page.status_code == 422
    assert "Desk is required" in text
    assert "Half an answer" in text and "see</textarea>" in text
    assert not Annotation.objects.filter(author=cast.lea).exists()


def test_a_draft_is_kept_and_an_old_tab_is_told(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    draft = url(cast, "draft", queue.pk, lease.pk)
    assert client.post(draft, {"revision": "0", "f-desk": "tax", "f-reply": "So far", "note": "n"}).json() == {
        "revision": 1
    }
    stale = client.post(draft, {"revision": "0", "f-desk": "energy"})
    assert stale.status_code == 409 and "another tab" in stale.json()["detail"]
    page = client.get(url(cast, "label", queue.pk)).content.decode()
    assert "So far" in page and "Your draft is kept" in page
    assert cast.client("rev").post(draft, {"revision": "1"}).status_code == 404  # nobody else's lease exists


def test_a_doubt_is_kept_with_the_draft(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    client.post(url(cast, "draft", queue.pk, lease.pk), {"revision": "0", "f-desk": "tax", "unsure": "on"})
    page = client.get(url(cast, "label", queue.pk))
    assert page.context["unsure"] is True and "~unsure" not in page.content.decode()


def test_a_second_tab_keeps_its_text_and_can_save_it_as_a_revision(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    client.post(url(cast, "label", queue.pk), {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "First"})
    second = {"lease": str(lease.pk), "f-desk": "energy", "f-reply": "Second tab", "note": "hm"}
    late = client.post(url(cast, "label", queue.pk), second)
    text = late.content.decode()
    revise = url(cast, "revise", queue.pk, Annotation.objects.get(author=cast.lea).pk)
    assert late.status_code == 409
    assert "Second tab" in text and "hm</textarea>" in text and f'action="{revise}"' in text
    assert "Second tab" in client.get(url(cast, "mine", queue.pk)).content.decode()
    assert client.post(revise, second).status_code == 302
    assert Annotation.objects.filter(author=cast.lea).latest("pk").values["reply"] == "Second tab"
    assert "Drafts that do not count" not in client.get(url(cast, "mine", queue.pk)).content.decode()


def test_work_on_a_ticket_that_was_taken_can_be_found_and_copied(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    HandoutSlot.objects.filter(state="leased").update(leased_until="2020-01-01T00:00Z")
    services.take_lease(queue=queue, labeler=cast.rev)
    late = client.post(
        url(cast, "label", queue.pk), {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "Long work", "note": "mine"}
    )
    assert late.status_code == 409 and "somebody else has it" in late.content.decode()
    assert "Long work" in late.content.decode() and "Next ticket" in late.content.decode()
    mine = client.get(url(cast, "mine", queue.pk)).content.decode()
    assert "Long work" in mine and "Note: mine" in mine and "data-copies" in mine


def test_a_labeler_does_not_see_the_labels_of_the_file(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    row = {"question": "Why?", "desk": "tax", "reply": "Because of the reply in the file", "case": "K 17"}
    factories.import_rows(cast.project, tmp_path / "t.csv", [row], mapping={**factories.DESK_MAPPING, "case": "raw"})
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    text = cast.client("lea").get(url(cast, "label", queue.pk)).content.decode()
    assert "K 17" in text and "Because of the reply in the file" not in text


def test_tickets_that_a_file_labelled_in_part_can_be_put_into_a_queue(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    rows = [{**row, "reply": ""} for row in factories.desk_rows(4)]
    factories.import_rows(cast.project, tmp_path / "part.csv", rows)
    run_jobs()
    form = {"name": "Replies", "source": "labelled", "overlap": "1", "limit": ""}
    assert cast.client("ada").post(url(cast, "labels"), form).status_code == 302
    assert Queue.objects.get().total == 4


def test_an_admin_closes_a_queue_and_opens_it_again(cast: Any, queue: Queue) -> None:
    client, lea = cast.client("ada"), cast.client("lea")
    held = lea.get(url(cast, "label", queue.pk)).context["lease"]
    assert client.post(url(cast, "close-queue", queue.pk)).status_code == 302
    assert "Reopen" in client.get(url(cast, "labels")).content.decode()
    assert "This queue is closed" in cast.client("rev").get(url(cast, "label", queue.pk)).content.decode()
    assert lea.get(url(cast, "label", queue.pk)).context["lease"].pk == held.pk
    done = lea.post(url(cast, "label", queue.pk), {"lease": str(held.pk), "f-desk": "tax", "f-reply": "Late"})
    assert done.status_code == 302 and Annotation.objects.filter(author=cast.lea).exists()
    client.post(url(cast, "reopen-queue", queue.pk))
    assert cast.client("rev").get(url(cast, "label", queue.pk)).context["lease"]


def test_what_a_newer_queue_asks_for_is_left_out_of_the_one_that_is_reopened(cast: Any, queue: Queue) -> None:
    client = cast.client("ada")
    client.post(url(cast, "close-queue", queue.pk))
    form = {"name": "Newer", "source": "all", "overlap": "1", "limit": "30"}
    assert client.post(url(cast, "labels"), form).status_code == 302
    reopened = client.post(url(cast, "reopen-queue", queue.pk), follow=True).content.decode()
    assert "30 of its answers are asked for in another open queue" in reopened
    queue.refresh_from_db()
    assert (queue.is_open, queue.total) == (True, 10)


def test_a_flag_reaches_reviewers_and_is_cleared_on_the_tickets_page(cast: Any, tickets: Any) -> None:
    example, home = tickets[3], reverse("projects:home", args=[cast.project.slug])
    assert "flagged" not in cast.client("rev").get(home).content.decode()
    services.flag_example(example=example, flagged=True, by=Actor.of(cast.lea))
    listed = url(cast, "tickets") + "?flagged=1"
    for who in ("rev", "ada"):
        page = cast.client(who).get(home).content.decode()
        assert "ticket is flagged" in page and f'href="{listed}"' in page
    assert "ticket is flagged" not in cast.client("vic").get(home).content.decode()
    assert [row.example.pk for row in cast.client("rev").get(listed).context["page"].rows] == [example.pk]

    ticket, flag = url(cast, "ticket", example.pk), url(cast, "flag-ticket", example.pk)
    assert flag in cast.client("rev").get(ticket).content.decode()
    assert flag not in cast.client("vic").get(ticket).content.decode()
    assert cast.client("vic").post(flag, {"flagged": "0"}).status_code == 403
    cleared = cast.client("rev").post(flag, {"flagged": "0"}, follow=True)
    assert f"The flag of ticket {example.pk} is cleared" in cleared.content.decode()
    example.refresh_from_db()
    assert not example.is_flagged and "flagged" not in cast.client("rev").get(home).content.decode()
    cast.client("rev").post(flag, {"flagged": "1"})
    example.refresh_from_db()
    assert example.is_flagged


def test_who_skipped_a_ticket_and_why_is_for_reviewers_only(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    services.skip_lease(lease=lease, reason="It is in <Basque>.", by=Actor.of(cast.lea))
    ticket = url(cast, "ticket", lease.example_id)
    for who in ("rev", "ada"):
        html = cast.client(who).get(ticket).content.decode()
        assert "It is in &lt;Basque&gt;." in html and "Skipped" in html and queue.name in html
    assert "Basque" not in cast.client("vic").get(ticket).content.decode()
    following = cast.client("ada").get(url(cast, "label", queue.pk))
    assert following.context["lease"].example_id == lease.example_id
    assert "Basque" not in following.content.decode(), "who labels it next is not told"


def test_a_reviewers_home_says_what_waits_for_a_reviewer(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1], overlap=2)
    for who, desk in ((cast.lea, "tax"), (cast.ada, "energy")):
        lease = services.take_lease(queue=queue, labeler=who)
        services.submit_annotation(lease=lease, values={"desk": desk, "reply": "Same"}, by=Actor.of(who))
    home = reverse("projects:home", args=[cast.project.slug])
    assert "ticket is unresolved" in cast.client("rev").get(home).content.decode()
    assert "ticket is unresolved" not in cast.client("vic").get(home).content.decode()


def test_skip_flag_and_undo(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    first = client.get(url(cast, "label", queue.pk)).context["lease"]
    flagged = client.post(url(cast, "flag", queue.pk, first.pk), {"flagged": "1"}, headers={"HX-Request": "true"})
    assert "Flagged" in flagged.content.decode()
    client.post(url(cast, "skip", queue.pk, first.pk), {"reason": "not mine"})
    second = client.get(url(cast, "label", queue.pk)).context["lease"]
    assert second.example_id != first.example_id
    client.post(url(cast, "label", queue.pk), {"lease": str(second.pk), "f-desk": "tax", "f-reply": "First"})
    undo = client.get(url(cast, "undo", queue.pk))
    page = client.get(undo.url)
    assert "First" in page.content.decode()
    assert client.post(undo.url, {"f-desk": "energy", "f-reply": "Second"}).status_code == 302
    late = client.post(undo.url, {"f-desk": "permits", "f-reply": "Third"})  # the other tab, still on the first answer
    assert late.status_code == 409 and "Third" in late.content.decode()
    assert [one.values["desk"] for one in Annotation.objects.filter(author=cast.lea).order_by("pk")] == [
        "tax",
        "energy",
    ]
    assert "energy" in client.get(url(cast, "mine", queue.pk)).content.decode()


def keys_on(html: str) -> set[str]:
    return set(re.findall(r'data-key="([^"]+)"', html))


def test_undo_goes_back_answer_by_answer_to_the_tenth_and_away_without_saving(cast: Any, queue: Queue) -> None:
    client, label = cast.client("lea"), url(cast, "label", queue.pk)
    for at in range(12):
        lease = client.get(label).context["lease"]
        client.post(label, {"lease": str(lease.pk), "f-desk": "tax", "f-reply": f"Reply {at}"})
    page = client.get(client.get(url(cast, "undo", queue.pk)).url)
    for at in range(11, 1, -1):
        html = page.content.decode()
        assert f"Reply {at}" in html and f"number {12 - at} of your last 10" in html
        assert re.search(rf'data-key="b" href="{label}"', html)
        assert re.search(rf'data-key="l" href="{url(cast, "mine", queue.pk)}"', html)
        before = re.search(r'data-key="u" href="([^"]+)"', html)
        if at > 2:
            assert before
            page = client.get(before[1])
    assert before is None, "there are ten"


def test_the_way_back_has_keys_on_every_page_of_a_queue(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    client, label = cast.client("lea"), url(cast, "label", queue.pk)
    page = client.get(label)
    assert keys_on(page.content.decode()) >= {"u", "l"}
    client.post(label, {"lease": str(page.context["lease"].pk), "f-desk": "tax", "f-reply": "Done"})
    assert keys_on(client.get(label).content.decode()) == {"u", "l"}
    assert keys_on(client.get(url(cast, "mine", queue.pk)).content.decode()) == {"u", "b"}


def test_an_answer_that_a_later_queue_asked_for_again_is_opened_there(cast: Any, tickets: Any) -> None:
    client = cast.client("lea")
    for name in ("First", "Second"):
        queue = factories.make_queue(cast.project, tickets[:1], name=name)
        lease = services.take_lease(queue=queue, labeler=cast.lea)
        services.submit_annotation(lease=lease, values={"desk": "tax", "reply": name}, by=Actor.of(cast.lea))
    first = Queue.objects.get(name="First")
    revise = url(cast, "revise", queue.pk, Annotation.objects.filter(author=cast.lea).latest("pk").pk)
    assert client.get(url(cast, "undo", first.pk)).url == revise
    assert f'href="{revise}"' in client.get(url(cast, "mine", first.pk)).content.decode()
    assert client.get(revise).status_code == 200


def test_the_keys_that_no_label_can_have_are_those_of_the_pages_that_show_labels(
    cast: Any, run_jobs: Any, tmp_path: Any
) -> None:
    labels = tuple(Choice(value=f"label {at}") for at in range(10))
    fields = [TaskField(name=name, kind="choice", choices=labels) for name in ("desk", "topic")]
    spec = TaskSpec(inputs=(InputColumn(name="question"),), fields=tuple(fields), user="{question}", codec="json")
    projects.revise_task(project=cast.project, spec=spec, by=cast.by)
    cast.project.refresh_from_db()
    rows = [{"question": f"May I build {thing} here?"} for thing in ("a barn", "a jetty", "a sauna")]
    factories.import_rows(cast.project, tmp_path / "t.csv", rows, mapping={"question": "input:question"})
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    client, label = cast.client("ada"), url(cast, "label", queue.pk)
    for _ in range(2):
        answer = {"f-desk": "label 1", "f-topic": "label 2", "lease": str(client.get(label).context["lease"].pk)}
        client.post(label, answer)
    last = Annotation.objects.filter(author=cast.ada).latest("pk")
    pages = (label, url(cast, "revise", queue.pk, last.pk), url(cast, "review", last.example_id))
    html = [client.get(page).content.decode() for page in pages]
    assert set.union(*map(keys_on, html)) - {"Enter", *"123456789"} == RESERVED_KEYS
    for page in html:
        assert page.count('choices part now" data-row aria-current="true"') == 1 and page.count(" data-row") == 2


def test_an_empty_queue_is_told_apart_from_an_error(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    client.post(url(cast, "label", queue.pk), {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "Done"})
    page = client.get(url(cast, "label", queue.pk))
    assert page.status_code == 200 and "Nothing is left for you here" in page.content.decode()
    Queue.objects.filter(pk=queue.pk).update(is_open=False)
    assert "This queue is closed" in client.get(url(cast, "label", queue.pk)).content.decode()


def test_suggestions_are_shown_and_not_chosen(cast: Any, queue: Queue) -> None:
    for example in Example.objects.filter(project=cast.project):
        Suggestion.objects.create(example=example, field="desk", value="energy", score=0.64, source="model-version:1")
    page = cast.client("lea").get(url(cast, "label", queue.pk))
    [field] = [one for one in page.context["fields"] if one.name == "desk"]
    assert [(one.choice.value, one.is_suggested, one.is_chosen) for one in field.options] == [
        ("permits", False, False), ("tax", False, False), ("energy", True, False),
    ]  # fmt: skip
    assert "suggested 0.64" in page.content.decode()


def test_ticket_text_is_escaped_and_control_tokens_are_only_text(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    row = {"question": "<script>alert(1)</script> & {question} <|im_end|>", "desk": "", "reply": ""}
    factories.import_rows(cast.project, tmp_path / "bad.csv", [row])
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    for page in (url(cast, "label", queue.pk), url(cast, "tickets"), url(cast, "tickets") + "?q=<script>"):
        text = cast.client("ada").get(page).content.decode()
        assert "<script>alert" not in text and "&lt;script&gt;" in text


def test_tickets_page_by_key_and_search_marks_the_match(cast: Any, tickets: Any) -> None:
    client = cast.client("vic")
    first = client.get(url(cast, "tickets") + "?size=15").context["page"]
    assert len(first.rows) == 15 and first.newer is None
    second = client.get(url(cast, "tickets") + f"?size=15&before={first.older}").context["page"]
    assert {row.example.pk for row in first.rows}.isdisjoint(row.example.pk for row in second.rows)
    back = client.get(url(cast, "tickets") + f"?size=15&after={second.newer}").context["page"]
    assert [row.example.pk for row in back.rows] == [row.example.pk for row in first.rows]
    found = client.get(url(cast, "tickets") + "?q=ABOUT+energy")
    assert "<mark>about energy</mark>" in found.content.decode()
    assert len(found.context["page"].rows) == 13
    assert client.get(url(cast, "tickets") + "?split=test").context["page"].rows == []
    for odd in ("?before=x", "?state=%00", "?q=%25_%00", "?size=9999", "?q=99999999999999999999"):
        assert client.get(url(cast, "tickets") + odd).status_code == 200


def test_an_import_from_upload_to_result(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    file = SimpleUploadedFile("neu.csv", b"Frage;desk;reply\n=1+1 Terrasse?;tax;Yes\nNo desk?;fees;No\n")
    columns = client.post(url(cast, "upload"), {"file": file}).url
    page = client.get(columns)
    assert page.context["form"]["column_0"].initial == "input:question"
    assert page.context["error_count"] == 1 and "&#x27;fees&#x27; is not a choice" in page.content.decode()
    assert not Import.objects.exists()
    form = {"column_0": "input:question", "column_1": "field:desk", "column_2": "field:reply", "duplicates": "skip"}
    twice = client.post(columns, form | {"column_2": "field:desk", "keep": "all", "do": "import"})
    assert twice.status_code == 422 and "comes from desk already" in twice.content.decode()
    going = client.post(columns, form | {"keep": "good", "do": "import"}).url
    assert "waits" in client.get(going).content.decode()
    run_jobs()
    done = client.get(going)
    source = done.context["import"]
    assert (source.rows_imported, source.rows_rejected) == (1, 1)
    csv = b"".join(client.get(going + "rejected.csv").streaming_content).decode()
    assert "3,desk," in csv and "No desk?" in csv
    assert cast.client("rev").get(columns).status_code == 403
    assert client.get(url(cast, "columns", "forged")).status_code == 404


@pytest.mark.parametrize("name,data", [("empty.csv", b""), ("list.json", b"[1, 2"), ("x.parquet", b"PAR1 no")])
def test_a_file_that_cannot_be_read_is_told_at_its_field(cast: Any, name: str, data: bytes) -> None:
    page = cast.client("ada").post(url(cast, "upload"), {"file": SimpleUploadedFile(name, data)})
    assert page.status_code == 422
    assert page.context["form"].errors["file"]


def test_rejected_rows_hold_no_formula(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    rows = [{"question": '=HYPERLINK("http://x")', "desk": "fees", "reply": "@x"}]
    source = factories.import_rows(cast.project, tmp_path / "formula.csv", rows)
    run_jobs()
    csv = b"".join(cast.client("ada").get(url(cast, "rejected", source.pk)).streaming_content).decode()
    assert "'\u2060=HYPERLINK" in csv and "'\u2060@x" in csv


def test_from_test_set_to_frozen_training_set(cast: Any, tickets: Any) -> None:
    client = cast.client("ada")
    too_many = client.post(url(cast, "test-set"), {"size": "900", "seed": "0", "stratify": "desk"})
    assert too_many.status_code == 422 and "40 resolved tickets" in too_many.content.decode()
    made = client.post(url(cast, "test-set"), {"size": "10", "seed": "0", "stratify": "desk"})
    evaluation_set = DatasetVersion.objects.get(kind="evaluation")
    assert made.url == url(cast, "dataset", "evaluation", evaluation_set.number)
    assert client.post(url(cast, "freeze"), {"evaluation_set": evaluation_set.pk}).status_code == 422  # no splits yet
    client.post(url(cast, "splits"), {"validation": "5", "seed": "0", "stratify": ""})
    frozen = client.post(url(cast, "freeze"), {"evaluation_set": evaluation_set.pk})
    page = client.get(frozen.url).content.decode()
    assert "desk: " in page and "Answer as:" in page  # what the model reads, word for word
    export = b"".join(client.get(frozen.url + "export/?format=openai-chat").streaming_content).decode()
    assert len([json.loads(line) for line in export.splitlines()]) == 30
    assert client.get(frozen.url + "export/?format=nonsense").status_code == 400
    assert client.get(url(cast, "datasets")).status_code == 200


def test_the_test_set_s_page_offers_to_draw_the_others_with_it(cast: Any, tickets: Any) -> None:
    client = cast.client("ada")
    assert re.search(r'name="validation" value="3"', client.get(url(cast, "test-set")).content.decode())
    client.post(url(cast, "test-set"), {"size": "10", "validation": "4", "seed": "0", "stratify": "desk"})
    read = counters.read(cast.project.pk)
    assert (read["split:test"], read["split:validation"], read["split:train"]) == (10, 4, 26)
    assert not re.search(r'name="validation" value="\d', client.get(url(cast, "test-set")).content.decode())


def test_a_corrected_test_label_is_frozen_without_drawing(cast: Any, tickets: Any) -> None:
    first, _ = factories.make_sets(cast.project)
    client = cast.client("ada")
    page = client.get(url(cast, "test-set")).content.decode()
    assert "No label has changed since Evaluation set 1" in page
    refused = client.post(url(cast, "test-set-again"), follow=True)
    assert "Nothing has changed" in refused.content.decode() and DatasetVersion.objects.count() == 2
    wrong = Example.objects.filter(split="test").first()
    assert "Correct the label" in client.get(url(cast, "ticket", wrong.pk)).content.decode()
    client.post(url(cast, "review", wrong.pk), {"f-desk": "tax", "f-reply": "Cafe\u0301, corrected"})
    assert "1 ticket has other labels than in Evaluation set 1" in client.get(url(cast, "test-set")).content.decode()
    made = client.post(url(cast, "test-set-again"))
    assert made.url == url(cast, "dataset", "evaluation", 2)
    second = DatasetVersion.objects.get(kind="evaluation", number=2)
    assert second.size == first.size and second.hash != first.hash
    assert "No label has changed since Evaluation set 2" in client.get(url(cast, "test-set")).content.decode()


def test_the_card_tells_what_was_left_out_and_how_it_was_drawn(cast: Any, tickets: Any) -> None:
    version, _ = factories.make_sets(cast.project)
    page = cast.client("vic").get(url(cast, "dataset", "evaluation", version.number)).content.decode()
    for said in ("Left out", "In no set", "Near questions", "seed 0, shares of desk kept", "tickets.csv"):
        assert said in page, said


def test_a_reviewer_decides_what_people_could_not(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1], overlap=2)
    for who, desk in ((cast.lea, "tax"), (cast.ada, "energy")):
        lease = services.take_lease(queue=queue, labeler=who)
        services.submit_annotation(lease=lease, values={"desk": desk, "reply": "Same"}, by=Actor.of(who))
    example = Example.objects.get(pk=tickets[0].pk)
    assert example.state == Example.State.UNRESOLVED
    client = cast.client("rev")
    assert "Decide" in client.get(url(cast, "labels")).content.decode()
    page = client.get(url(cast, "review", example.pk))
    assert {one.name: one.value for one in page.context["fields"]} == {"desk": None, "reply": "Same"}
    client.post(url(cast, "review", example.pk), {"f-desk": "permits", "f-reply": "Ours"})
    example.refresh_from_db()
    assert example.state == Example.State.RESOLVED
    assert {one.field: one.value for one in example.resolved_labels.all()} == {"desk": "permits", "reply": "Ours"}
    history = client.get(url(cast, "ticket", example.pk)).content.decode()
    assert "lea" in history and "rev" in history and "energy" in history


def test_an_admin_opens_a_queue_without_the_test_set(cast: Any, tickets: Any) -> None:
    factories.make_sets(cast.project)
    client = cast.client("ada")
    form = {"name": "Check", "source": "resolved", "overlap": "2", "limit": ""}
    assert client.post(url(cast, "labels"), form).status_code == 302
    queue = Queue.objects.get()
    assert (queue.total, queue.slots.filter(example__split="test").count()) == (2 * 28, 0)
    none_left = client.post(url(cast, "labels"), form)
    assert none_left.status_code == 422 and "No ticket is left" in none_left.content.decode()


def test_the_loop_and_the_home_page_say_where_things_stand(cast: Any, queue: Queue) -> None:
    from annotation import standing
    from ftplatform.projects.access import Access

    before = Access(cast.project, cast.ada, frozenset({"admin"}))
    assert standing.dataset_step(before).state == "locked"
    assert standing.data_lamp(before).state == "todo"
    factories.make_sets(cast.project)
    access = Access(cast.project, cast.ada, frozenset({"admin"}))  # what a request has read does not change under it
    steps = [
        standing.tickets_step,
        standing.test_set_step,
        standing.labels_step,
        standing.dataset_step,
    ]
    assert [step(access).state for step in steps] == ["done"] * 4
    assert standing.data_lamp(access).state == "good"
    [card] = standing.queues(Access(cast.project, cast.lea, frozenset({"labeler"})))
    assert (card.done, card.total) == (0, 28), "the twelve that were drawn left the queue"
    assert standing.queues(Access(cast.project, cast.vic, frozenset({"viewer"}))) == []
    assert Lease.objects.count() == 0


def test_an_answer_that_was_changed_elsewhere_is_shown_and_can_still_be_replaced(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    client.post(url(cast, "label", queue.pk), {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "First"})
    first = url(cast, "revise", queue.pk, Annotation.objects.get(author=cast.lea).pk)
    client.post(first, {"f-desk": "energy", "f-reply": "Second", "note": "seen"})
    second = url(cast, "revise", queue.pk, Annotation.objects.filter(author=cast.lea).latest("pk").pk)
    assert client.get(first).url == second, "the back button leads to the answer as it stands now"

    late = client.post(first, {"f-desk": "permits", "f-reply": "Third", "unsure": "on"})
    text = late.content.decode()
    assert late.status_code == 409 and f'action="{second}"' in text
    assert "Third" in text and "Second" in text and "seen" in text and late.context["unsure"] is True
    assert client.post(second, {"f-desk": "permits", "f-reply": "Third"}).status_code == 302
    assert Annotation.objects.filter(author=cast.lea).latest("pk").values == {"desk": "permits", "reply": "Third"}


def test_a_doubt_can_be_taken_back_and_survives_a_late_submit(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    answer = {"lease": str(lease.pk), "f-desk": "tax", "f-reply": "First", "unsure": "on"}
    client.post(url(cast, "label", queue.pk), answer)
    late = client.post(url(cast, "label", queue.pk), {**answer, "f-reply": "Other"})
    assert late.status_code == 409 and late.context["unsure"] is True
    undo = client.get(url(cast, "undo", queue.pk)).url
    assert client.get(undo).context["unsure"] is True
    client.post(undo, {"f-desk": "tax", "f-reply": "First"})
    assert Annotation.objects.filter(author=cast.lea).latest("pk").is_unsure is False


@pytest.mark.parametrize("revision", ["", "x", "9" * 5000])
def test_a_draft_of_a_page_that_is_out_of_date_is_told_so(cast: Any, queue: Queue, revision: str) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    answer = client.post(url(cast, "draft", queue.pk, lease.pk), {"revision": revision, "f-desk": "tax"})
    assert answer.status_code == 400 and "out of date" in answer.json()["detail"]


def test_a_stale_draft_says_which_revision_can_be_replaced(cast: Any, queue: Queue) -> None:
    client = cast.client("lea")
    lease = client.get(url(cast, "label", queue.pk)).context["lease"]
    draft = url(cast, "draft", queue.pk, lease.pk)
    client.post(draft, {"revision": "0", "f-desk": "tax"})
    stale = client.post(draft, {"revision": "0", "f-desk": "energy"})
    assert stale.json()["draft_revision"] == 1
    mine = client.post(draft, {"revision": str(stale.json()["draft_revision"]), "f-desk": "energy"})
    assert mine.json() == {"revision": 2}


def test_columns_may_be_called_items_and_row(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    file = SimpleUploadedFile("orders.csv", b"question,items,row,desk\nWhere is it?,3 chairs,shelf 7,tax\n")
    columns = client.post(url(cast, "upload"), {"file": file}).url
    page = client.get(columns).content.decode()
    assert "Line 2" in page and "3 chairs" in page and "shelf 7" in page
    form = {"column_0": "input:question", "column_1": "raw", "column_2": "raw", "column_3": "field:desk"}
    going = client.post(columns, {**form, "duplicates": "merge", "keep": "all", "do": "import"}).url
    run_jobs()
    done = client.get(going)
    assert done.context["import"].rows_imported == 1 and '<dt class="mono">items</dt>' in done.content.decode()


def test_the_seed_of_a_limited_training_set_stands_on_its_page(cast: Any, tickets: Any) -> None:
    version, _ = factories.make_sets(cast.project)
    client = cast.client("ada")
    form = {"evaluation_set": version.pk, "train_limit": "9", "seed": "4"}
    frozen = client.post(url(cast, "freeze"), form).url
    assert "seed 4, at most 9 of train" in client.get(frozen).content.decode()


def test_who_may_not_label_sees_queues_without_a_way_in(cast: Any, queue: Queue) -> None:
    way_in = f'href="{url(cast, "label", queue.pk)}"'
    assert way_in in cast.client("rev").get(url(cast, "labels")).content.decode()
    page = cast.client("vic").get(url(cast, "labels")).content.decode()
    assert queue.name in page and way_in not in page
