"""The embedded tickets: real questions on building and renovating, six desks, a short reply. Django-free."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import zaragoza_construction_faq

from annotation.neardup import near_duplicates
from annotation.splits import join_groups
from annotation.texts import first_sentences
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec
from training.demo.source import Source


class Desk(NamedTuple):
    """What a labeler reads of a desk, and the categories of the data set that it gathers."""

    description: str
    categories: tuple[str, ...]


DESKS = {
    "permits": Desk(
        "Whether one may build: permits, notices, plots, neighbours.",
        ("bygglov", "attefallshus-friggebod", "tillbyggnad", "marklov-rivningslov", "strandskydd", "bbr-pbl", "altan-staket-plank", "tomtgrans-servitut", "buller-granne"),
    ),
    "tax": Desk("Deductions for labour, VAT, tax status of firms.", ("rot-avdrag", "rut-avdrag", "f-skatt", "omvand-moms")),
    "contracts": Desk(
        "Agreements, faults, guarantees, disputes, inspections.",
        ("kontrakt", "dolda-fel", "dispute", "forsakring-ansvar", "besiktning", "reklamation-process", "garantier"),
    ),
    "companies": Desk(
        "Is this firm sound: checks, certificates, safety at work.",
        ("verifiera-byggfirma", "arbetsmiljo", "yrkesbevis-certifikat", "personalliggare"),
    ),
    "renovation": Desk(
        "How and at what cost: roof, bath, kitchen, façade, pipes, wiring.",
        ("takläggning", "badrumsrenovering", "koksrenovering", "fasadrenovering", "vvs", "elinstallation", "kostnader"),
    ),
    "energy": Desk(
        "Heating, insulation, ventilation, solar, radon and damp.",
        ("isolering", "varmesystem", "ventilation", "energideklaration", "solceller-varmpump", "bergvarme-jordvarme", "oppen-spis-vedeldning", "radon-fuktskador"),
    ),
}  # fmt: skip
ATTRIBUTION = (
    "Questions and answers: Swedish Construction FAQ by Zaragoza AB, Helsingborg (CC BY 4.0), English version. "
    "Replies are the first one or two sentences of its answers; desks group its categories."
)
SHORT = 130
"""Characters of a reply in two sentences."""

NEAR = 0.6
"""Jaccard of character 5-grams from which two questions count as one: they go into the same group."""


def building_questions(folder: Path) -> Source:
    """Writes the embedded questions as a CSV, near-duplicates grouped, and describes their task."""
    desk_of = {category: desk for desk, one in DESKS.items() for category in one.categories}
    rows = [row for row in zaragoza_construction_faq.load(lang="en") if row["category"] in desk_of]
    questions = [row["q"] for row in rows]
    groups = _near_groups(questions)
    path = folder / "building-questions.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "desk", "reply", "thread", "sources", "reference_id"])
        for row, group in zip(rows, groups, strict=True):
            reply = _short_reply(row["a"])
            writer.writerow(
                [row["q"], desk_of[row["category"]], reply, f"thread-{group}", "; ".join(row["sources"]), row["id"]]
            )
    return Source(
        name="Building questions",
        slug="building-questions",
        description="Answers owners who ask about building and renovating: which desk, and a reply in a sentence or two.",
        attribution=ATTRIBUTION,
        path=path,
        mapping={
            "question": "input:question",
            "desk": "field:desk",
            "reply": "field:reply",
            "thread": "group",
            "sources": "raw",
            "reference_id": "raw",
        },
        spec=_building_task(),
        target_weight=8.0,
        leaves_some=True,
    )


def _short_reply(answer: str) -> str:
    """The first two sentences where they are short, else the first: a third fewer tokens to learn than always two."""
    two = first_sentences(answer, 2)
    return two if len(two) <= SHORT else first_sentences(answer, 1)


def _near_groups(questions: Sequence[str]) -> list[int]:
    """One group number per question; near-duplicates share one, also through others."""
    pairs = near_duplicates(questions, threshold=NEAR)
    keys = [[0 if at in (first, second) else None for at in range(len(questions))] for first, second, _ in pairs]
    return join_groups(*keys) if keys else list(range(len(questions)))


def _building_task() -> TaskSpec:
    desks = ", ".join(DESKS)
    return TaskSpec(
        inputs=(InputColumn(name="question"),),
        fields=(
            TaskField(
                name="desk",
                kind="choice",
                choices=tuple(
                    Choice(value=desk, title=desk.capitalize(), description=one.description)
                    for desk, one in DESKS.items()
                ),
                guidelines="Choose the desk that can close the question, not the one that is named first.",
                primary_metric="accuracy",
            ),
            TaskField(
                name="reply",
                kind="text",
                guidelines="Say what to do, then why, in a sentence or two. Cite the rule once. Promise nothing.",
                primary_metric="rougeL",
                max_length=1200,
            ),
        ),
        system=f"Desks: {desks}. Answer as:\ndesk: <name>\nreply: <text>",
        user="{question}",
        codec="lines",
        guidelines=(
            "- Choose the **desk that can close the question**, not the one that is named first.\n"
            "- Write the reply in **one or two short sentences**: what to do, then why.\n"
            "- Cite the rule once, where you know it. Promise no dates and no amounts that are not published.\n"
            "- Two desks? Choose the one that acts first and name the other in the reply."
        ),
        max_new_tokens=56,
    )
