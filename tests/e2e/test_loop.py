"""The whole loop as people walk it: tickets, test set, baseline, labels, dataset, run, comparison, blind ratings, verdict."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Api, Site

pytestmark = pytest.mark.e2e

DESKS = ("permits", "tax", "energy")
TASK = {
    "inputs": [{"name": "question"}],
    "fields": [
        {"name": "desk", "kind": "choice", "choices": [{"value": desk} for desk in DESKS]},
        {"name": "reply", "kind": "text"},
    ],
    "user": "{question}\nAnswer as:\ndesk: <name>\nreply: <text>",
    "guidelines": "Choose the desk that can *close* the question.",
    "max_new_tokens": 24,
}
SEVERAL_FIELDS = {
    "inputs": [{"name": "question"}],
    "fields": [
        {"name": "desk", "kind": "choice", "choices": [{"value": desk} for desk in DESKS]},
        {"name": "topics", "kind": "multi", "required": False, "choices": [{"value": "noise"}, {"value": "water"}]},
        {"name": "why", "kind": "choice", "condition": {"field": "desk", "equals": "tax"},
         "choices": [{"value": "income", "hotkey": "i"}, {"value": "land"}]},
        {"name": "tone", "kind": "rating"},
    ],
    "user": "{question}",
    "codec": "json",
}  # fmt: skip
# What eight items and two raters can satisfy; the defaults want twenty items.
RULES = {
    "primary": "helpfulness", "smallest_effect": 0.1, "margins": {"relevance": 3, "safety": 3}, "least_items": 6,
    "least_raters": 2, "highest_harm_rate": 0.9, "least_agreement": -1,
}  # fmt: skip
ITEMS = 8
LABELLED = 3
RUN = {
    "max_steps": 100,
    "epochs": 40,
    "learning_rate": 0.01,
    "lora_r": 8,
    "batch_size": 8,
    "max_length": 256,
    "eval_every": 50,
}


def tickets(count: int, *, labelled: bool) -> bytes:
    """A file of questions that differ in more than a number: tickets with nearly the same prompt never part."""
    things = [
        "awning",
        "balcony",
        "boiler",
        "carport",
        "chimney",
        "cellar",
        "dormer",
        "fence",
        "garage",
        "gutter",
        "hedge",
        "heater",
        "jetty",
        "lift",
        "pergola",
        "porch",
        "roof",
        "sauna",
    ]
    places = [
        "attic",
        "barn",
        "coast",
        "district",
        "estate",
        "farm",
        "garden",
        "harbour",
        "island",
        "junction",
        "lane",
        "meadow",
        "north",
        "orchard",
        "park",
        "quay",
        "river",
        "street",
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["question", "desk", "reply"] if labelled else ["question"])
    for at in range(count):
        desk, thing, place = DESKS[at % 3], things[at % len(things)], places[(at * 7 + at // len(things)) % len(places)]
        question = (
            f"About {desk}: a {thing} near the {place}?"
            if labelled
            else f"Who helps with {desk} for my {place} and {thing}?"
        )
        writer.writerow([question, desk, f"Ask the {desk} desk."] if labelled else [question])
    return text.getvalue().encode()


def import_file(api: Api, slug: str, name: str, content: bytes, fields: tuple[str, ...] = ()) -> dict[str, Any]:
    mapping = json.dumps({"question": "input:question"} | {field: f"field:{field}" for field in fields})
    started = api.send(
        f"projects/{slug}/imports/", files={"file": (name, content, "text/csv")}, data={"mapping": mapping}
    )
    api.job(started["job"])
    return dict(api.get(f"imports/{started['id']}/"))


def label_by_keyboard(page: Page, slug: str) -> None:
    """Three tickets without touching the mouse: a digit for the desk, Tab to the reply, Ctrl+Enter."""
    page.goto(f"/projects/{slug}/")
    page.locator("a[href*='/label/']").first.click()
    for done in range(LABELLED):
        ticket = page.locator("h1").inner_text()
        question = page.locator("form.workbench .read").first.inner_text()
        desk = next(at for at, desk in enumerate(DESKS) if desk in question)
        page.keyboard.press(str(desk + 1))
        expect(page.locator(f"[name=f-desk][value={DESKS[desk]}]")).to_be_checked()
        page.keyboard.press("Tab")
        expect(page.locator("[name=f-reply]")).to_be_focused()
        page.keyboard.type(f"Ask the {DESKS[desk]} desk.")
        page.keyboard.press("Control+Enter")
        if done < LABELLED - 1:
            expect(page.locator("h1")).not_to_have_text(ticket)
    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_visible()


def judge(page: Page, *, good: int) -> None:
    # Noise is not always equally bad: ratings that never vary have no standard error, and decide nothing.
    bad = 1 + len(page.locator(".bench-rail .read").first.inner_text()) % 2
    for letter in ("a", "b"):
        answer = page.locator(f"#answer-{letter}")
        makes_sense = re.search(r"^Ask the (permits|tax|energy) desk", answer.locator(".read").inner_text())
        for _ in range(answer.locator(".scale").count()):
            page.keyboard.press(str(good if makes_sense else bad))
    expect(page.locator(".actionbar .primary")).to_be_enabled()


def rate_by_keyboard(page: Page, slug: str, campaign: int, *, good: int) -> None:
    """Judges what is written, as an expert does: a sentence that names a desk is worth more than noise."""
    page.goto(f"/projects/{slug}/rate/{campaign}/")
    for done in range(ITEMS):
        expect(page.get_by_role("heading", name=f"Item {done + 1}", exact=True)).to_be_attached()
        judge(page, good=good)
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def comment(tab: Page, text: str) -> None:
    tab.locator("details[data-comment]").evaluate("part => part.open = true")
    tab.fill("#comment", text)


def meet_another_tab(person: Page, slug: str, campaign: int) -> Page:
    """Two tabs on one item: the slower one is told why its draft is not kept, takes the other's, or keeps its own. Returns a tab that
    still shows the item. Nobody listens to these tabs' consoles: the browser calls each refusal an error."""
    first, second = (person.context.new_page() for _ in range(2))
    for tab in (first, second):
        tab.goto(f"/projects/{slug}/rate/{campaign}/")
    comment(first, "of the first tab")
    expect(first.locator("[data-state=saved]")).to_be_visible()
    comment(second, "of the second tab")
    expect(second.locator("[data-state=stale]")).to_contain_text("You entered something else in another tab.")
    second.get_by_role("link", name="Take the other").click()
    expect(second.locator("#comment")).to_have_value("of the first tab")
    comment(second, "of the second tab")
    expect(second.locator("[data-state=saved]")).to_be_visible()
    comment(first, "of the first tab again")
    first.get_by_role("button", name="Keep mine").click()
    expect(first.locator("[data-state=saved]")).to_be_visible()
    second.reload()
    expect(second.locator("#comment")).to_have_value("of the first tab again")
    return first


def change_what_was_rated_meanwhile(late: Page, *, good: int) -> None:
    """The tab still shows an item that was rated in another one: its rating comes in the place of that."""
    comment(late, "seen anew")
    expect(late.locator("[data-state=stale]")).to_contain_text("You rated this item in another tab.")
    late.get_by_role("button", name="Keep mine").click()
    expect(late.locator("[data-state=change]")).to_contain_text("Submit puts this in the place of your other rating.")
    judge(late, good=good)
    late.keyboard.press("Enter")
    expect(late.get_by_role("heading", name="Thank you")).to_be_visible()
    late.get_by_role("link", name="Your last items").click()
    late.locator("main a[href*='/rate/']").last.click()
    expect(late.locator("#comment")).to_have_value("seen anew")


def test_from_tickets_to_a_verdict(site: Site, sign_in: Callable[[str], Page]) -> None:
    admin = site.api(site.create_user("ada", "--api-key", "script")["api_key"])
    slug = admin.post("projects/", {"name": "Building questions"})["slug"]
    admin.post(f"projects/{slug}/task-revisions/", TASK)
    for name, role in (("lea", "labeler"), ("eve", "expert"), ("ed", "expert")):
        site.create_user(name, "--project", slug, "--role", role)

    # Tickets, the frozen test set, and the baseline before anything is trained.
    assert import_file(admin, slug, "tickets.csv", tickets(90, labelled=True), ("desk", "reply"))["rows_imported"] == 90
    test_set = admin.post(f"projects/{slug}/evaluation-sets/", {"size": 24, "stratify": "desk"})
    tiny = {"source": "folder", "folder": str(site.folder / "models" / "tiny"), "name": "tiny"}
    registered = admin.job(admin.post(f"projects/{slug}/model-versions/", tiny)["job"])["result"]
    base = admin.get(f"model-versions/{registered['model_version']}/")
    training = {"base_version": base["id"], "hyperparameters": RUN}
    dataset = admin.post(
        f"projects/{slug}/dataset-versions/", {"evaluation_set": test_set["id"], "validation": 9, "stratify": "desk"}
    )
    locked = admin.client.post(f"projects/{slug}/training-runs/", json=training | {"dataset_version": dataset["id"]})
    assert locked.status_code == 409, "nothing is trained before its baseline is measured"
    body = {"kind": "baseline", "evaluation_set": test_set["id"], "base_model": base["id"], "shots": 0}
    baseline = admin.job(admin.post(f"projects/{slug}/scorecards/", body)["job"])["result"]["scorecard"]

    # A labeler adds three tickets by keyboard, and they come into the next dataset version.
    import_file(admin, slug, "more.csv", tickets(LABELLED, labelled=False))
    ada = sign_in("ada")
    ada.goto(f"/projects/{slug}/labels/")
    ada.fill("[name=name]", "New tickets")
    ada.select_option("[name=source]", "new")
    ada.get_by_role("button", name="Open the queue").click()
    expect(ada.locator("body")).to_contain_text("is open: 3 tickets")
    label_by_keyboard(sign_in("lea"), slug)
    body = {"evaluation_set": test_set["id"], "validation": 1}
    more = admin.post(f"projects/{slug}/dataset-versions/", body)
    assert more["items"] == dataset["items"] + LABELLED

    # A run, and its comparison under rules that were set before any answer of the candidate exists.
    run = admin.post(f"projects/{slug}/training-runs/", training | {"dataset_version": more["id"]})
    admin.job(run["job"])
    candidate = admin.get(f"training-runs/{run['id']}/")["model_version"]
    rules = admin.post(f"projects/{slug}/release-rules/", RULES)
    body = {"kind": "comparison", "baseline": baseline, "candidate": candidate, "rules": rules["id"]}
    card = admin.job(admin.post(f"projects/{slug}/scorecards/", body)["job"])["result"]["scorecard"]
    cards = {one["id"]: one for one in admin.get(f"projects/{slug}/scorecards/")["results"]}
    assert cards[card]["verdict"] == "undecided", "without a human rating nothing is decided"

    # Two experts rate blind, by keyboard.
    body = {"scorecard": card, "name": "Blind round", "items": ITEMS, "overlap": 2, "raters": ["eve", "ed"]}
    campaign = admin.post(f"projects/{slug}/campaigns/", body)
    eve = sign_in("eve")
    late = meet_another_tab(eve, slug, campaign["number"])
    rate_by_keyboard(eve, slug, campaign["number"], good=5)
    change_what_was_rated_meanwhile(late, good=5)
    rate_by_keyboard(sign_in("ed"), slug, campaign["number"], good=4)
    assert eve.request.get(f"/projects/{slug}/scorecards/{cards[card]['number']}/").status == 403, (
        "a rater of an open campaign sees no figures"
    )

    # The admin scores again, and the verdict stands: of sixteen ratings, one of them given anew.
    ada.goto(f"/projects/{slug}/scorecards/{cards[card]['number']}/")
    expect(ada.locator(".verdict")).to_contain_text("Undecided")
    ada.get_by_role("button", name=re.compile("Score again with 17 new ratings")).click()
    ada.wait_for_url(re.compile(r"/scorecards/$"))
    newest = wait_for_the_next_card(admin, slug, card)
    assert newest["verdict"] == "ship", json.dumps(admin.get(f"scorecards/{newest['id']}/"))[:4000]
    ada.goto(f"/projects/{slug}/scorecards/{newest['number']}/")
    expect(ada.locator(".verdict")).to_contain_text("Ship")


def wait_for_the_next_card(api: Api, slug: str, before: int) -> dict[str, Any]:
    """The scorecard that supersedes this one."""
    for _ in range(200):
        for card in api.get(f"projects/{slug}/scorecards/")["results"]:
            if card["supersedes"] == before:
                return dict(card)
        time.sleep(0.3)
    raise AssertionError("the new scorecard has not come")


def test_several_fields_and_the_way_back_by_keyboard(site: Site, sign_in: Callable[[str], Page]) -> None:
    admin = site.api(site.create_user("ann", "--api-key", "script")["api_key"])
    slug = admin.post("projects/", {"name": "Several fields"})["slug"]
    admin.post(f"projects/{slug}/task-revisions/", SEVERAL_FIELDS)
    site.create_user("kim", "--project", slug, "--role", "labeler")
    import_file(admin, slug, "more.csv", tickets(3, labelled=False))
    admin.post(f"projects/{slug}/queues/", {"name": "All", "source": "new"})
    page = sign_in("kim")
    page.goto(f"/projects/{slug}/")
    page.locator("a[href*='/label/']").first.click()
    page.wait_for_url("**/label/*/")

    def current(field: str) -> None:
        marked = page.locator("fieldset[aria-current=true]")
        expect(marked).to_have_count(1)
        expect(page.locator(f"[data-field={field}] fieldset[aria-current=true]")).to_be_visible()
        assert marked.locator("kbd").first.evaluate("one => getComputedStyle(one).visibility") == "visible"
        other = page.locator("fieldset[data-row]:not(.now) kbd").first
        assert other.evaluate("one => getComputedStyle(one).visibility") == "hidden", "a key is printed where it works"

    def opened(sign: Locator) -> None:
        expect(sign).to_be_attached()
        page.wait_for_load_state()  # keys work from then on

    # The first field has the keys; each choice passes them on to the next that is empty, and a hidden field is passed over.
    current("desk")
    page.keyboard.press("1")
    current("topics")
    for key in "21":
        page.keyboard.press(key)
        current("topics")  # several may be ticked
    page.keyboard.press("j")
    current("tone")
    page.keyboard.press("k")
    page.keyboard.press("k")
    current("desk")
    page.keyboard.press("2")  # now it is asked why
    current("why")
    page.keyboard.press("i")
    current("tone")
    page.keyboard.press("4")
    for name, value in (("desk", "tax"), ("topics", "noise"), ("topics", "water"), ("why", "income"), ("tone", "4")):
        expect(page.locator(f'[name=f-{name}][value="{value}"]')).to_be_checked()
    page.locator("[name=f-desk][value=tax]").focus()
    current("desk")  # as Tab and the mouse do

    # Submitted; the next ticket begins at its first field again.
    for desk in (None, "1", "3"):
        ticket = page.locator("h1").inner_text()
        if desk:
            current("desk")
            page.keyboard.press(desk)
            page.keyboard.press("j")
            page.keyboard.press("5")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).not_to_have_text(ticket)

    # Back through the last answers, and away without saving.
    for value in ("energy", "permits", "tax"):
        page.keyboard.press("u")
        opened(page.locator(f"[name=f-desk][value={value}]:checked"))
    page.keyboard.press("l")
    opened(page.get_by_role("heading", name="Your last answers"))
    page.keyboard.press("u")
    opened(page.locator("[name=f-desk][value=energy]:checked"))
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_visible()
    made = admin.get(f"projects/{slug}/annotations/")["results"]
    assert len(made) == 3, "nothing was saved on the way back"
    assert {"desk": "tax", "topics": ["noise", "water"], "why": "income", "tone": 4} in [one["values"] for one in made]
