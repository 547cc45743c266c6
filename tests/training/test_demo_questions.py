"""The demo's own tickets, as they are written for the import."""

import csv

import zaragoza_construction_faq

from annotation.texts import first_sentences
from training.demo.building_questions import ATTRIBUTION, DESKS, SHORT, building_questions


def test_the_questions_are_the_packages_own_with_short_replies_and_near_ones_in_one_thread(tmp_path):
    source = building_questions(tmp_path)
    with source.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    entries = {entry["id"]: entry for entry in zaragoza_construction_faq.load(lang="en")}
    assert len(rows) > 450 and {row["desk"] for row in rows} == set(DESKS)
    for row in rows:
        entry = entries[row["reference_id"]]
        assert row["question"] == entry["q"] and entry["category"] in DESKS[row["desk"]].categories
        assert entry["a"].strip().startswith(row["reply"])
        assert row["reply"] == first_sentences(entry["a"], 1) or len(row["reply"]) <= SHORT
    threads = {row["question"]: row["thread"] for row in rows}
    assert len(set(threads.values())) < len(threads), "some are near-duplicates"
    assert "Zaragoza" in source.attribution == ATTRIBUTION
    assert {field.name: field.primary_metric for field in source.spec.fields} == {"desk": "accuracy", "reply": "rougeL"}
