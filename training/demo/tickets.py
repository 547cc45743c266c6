"""The demo's tickets: the embedded questions on building and renovating, or the reader's own file. Django-free."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zaragoza_construction_faq

from annotation import formats
from annotation.neardup import near_duplicates
from annotation.splits import join_groups
from annotation.texts import first_sentences
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec

DESKS: dict[str, tuple[str, ...]] = {
    "permits": ("bygglov", "attefallshus-friggebod", "tillbyggnad", "marklov-rivningslov", "strandskydd", "bbr-pbl", "altan-staket-plank", "tomtgrans-servitut", "buller-granne"),
    "tax": ("rot-avdrag", "rut-avdrag", "f-skatt", "omvand-moms"),
    "contracts": ("kontrakt", "dolda-fel", "dispute", "forsakring-ansvar", "besiktning", "reklamation-process", "garantier"),
    "companies": ("verifiera-byggfirma", "arbetsmiljo", "yrkesbevis-certifikat", "personalliggare"),
    "renovation": ("takläggning", "badrumsrenovering", "koksrenovering", "fasadrenovering", "vvs", "elinstallation", "kostnader"),
    "energy": ("isolering", "varmesystem", "ventilation", "energideklaration", "solceller-varmpump", "bergvarme-jordvarme", "oppen-spis-vedeldning", "radon-fuktskador"),
}  # fmt: skip
DESCRIPTIONS = {
    "permits": "Whether one may build: permits, notices, plots, neighbours.",
    "tax": "Deductions for labour, VAT, tax status of firms.",
    "contracts": "Agreements, faults, guarantees, disputes, inspections.",
    "companies": "Is this firm sound: checks, certificates, safety at work.",
    "renovation": "How and at what cost: roof, bath, kitchen, façade, pipes, wiring.",
    "energy": "Heating, insulation, ventilation, solar, radon and damp.",
}
ATTRIBUTION = (
    "Questions and answers: Swedish Construction FAQ by Zaragoza AB, Helsingborg (CC BY 4.0), English version. "
    "Replies are the first two sentences of its answers; desks group its categories."
)
NEAR = 0.6
"""Jaccard of character 5-grams from which two questions count as one: they go into the same group."""

MOST_LISTED = 24
"""Labels that fit into the prompt; a longer list would be most of the ticket's tokens."""

MOST_LABELS = 300


class TicketsError(Exception):
    """The file cannot make a task; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Source:
    """One project to be made: its file, what its columns become, and the task."""

    name: str
    slug: str
    description: str
    attribution: str
    path: Path
    mapping: dict[str, str]
    spec: TaskSpec
    primary_field: str
    target_weight: float


def embedded(folder: Path) -> Source:
    """Writes the embedded questions as a CSV, near-duplicates grouped, and describes their task."""
    desk_of = {category: desk for desk, categories in DESKS.items() for category in categories}
    rows = [row for row in zaragoza_construction_faq.load(lang="en") if row["category"] in desk_of]
    questions = [row["q"] for row in rows]
    groups = _near_groups(questions)
    path = folder / "building-questions.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "desk", "reply", "thread", "sources", "reference_id"])
        for row, group in zip(rows, groups, strict=True):
            reply = first_sentences(row["a"], 2)
            writer.writerow(
                [row["q"], desk_of[row["category"]], reply, f"thread-{group}", "; ".join(row["sources"]), row["id"]]
            )
    return Source(
        name="Building questions",
        slug="building-questions",
        description="Answers owners who ask about building and renovating: which desk, and a reply in two sentences.",
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
        primary_field="desk",
        target_weight=8.0,
    )


def _near_groups(questions: Sequence[str]) -> list[int]:
    """A group number a question; near-duplicates share one, also through others."""
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
                    Choice(value=desk, title=desk.capitalize(), description=DESCRIPTIONS[desk]) for desk in DESKS
                ),
                guidelines="Choose the desk that can close the question, not the one that is named first.",
                primary_metric="accuracy",
            ),
            TaskField(
                name="reply",
                kind="text",
                guidelines="Say what to do, then why, in two sentences. Cite the rule once. Promise nothing.",
                primary_metric="rougeL",
                max_length=1200,
            ),
        ),
        user="{question}\n\nDesks: " + desks + ". Answer as:\ndesk: <name>\nreply: <text>",
        codec="lines",
        guidelines=(
            "- Choose the **desk that can close the question**, not the one that is named first.\n"
            "- Write the reply in **two sentences**: what to do, then why.\n"
            "- Cite the rule once, where you know it. Promise no dates and no amounts that are not published.\n"
            "- Two desks? Choose the one that acts first and name the other in the reply."
        ),
        max_new_tokens=64,
    )


def own_file(path: Path, *, text: str, target: str, kind: str | None) -> Source:
    """Describes the task of the reader's own CSV or JSONL: one text in, one label or text out. Raises TicketsError."""
    if not path.exists():
        raise TicketsError(f"There is no file {path}.")
    try:
        reader = formats.read(path)
        values = [str(row.values.get(target) or "").strip() for row in reader if isinstance(row, formats.Row)]
    except formats.FormatError as error:
        raise TicketsError(str(error)) from error
    columns = list(reader.detected.columns)
    for column in (text, target):
        if column not in columns:
            raise TicketsError(f"{path.name} has no column {column!r}; its columns are {', '.join(columns) or 'none'}.")
    counts = Counter(value for value in values if value)
    if not counts:
        raise TicketsError(f"The column {target!r} is empty in every row: there is nothing to learn from.")
    if kind is None:
        kind = "choice" if _looks_like_labels(counts) else "text"
    field = _target_field(target, kind, counts)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return Source(
        name=f"{path.stem.replace('_', ' ').replace('-', ' ').strip().capitalize() or 'Tickets'}",
        slug=f"{_slug(path.stem)}-{digest}",
        description=f"{target} from {text}, from {path.name}.",
        attribution=f"Tickets of {path.name}.",
        path=path,
        mapping=dict.fromkeys(columns, "raw") | {text: "input:ticket", target: f"field:{field.name}"},
        spec=_own_task(field),
        primary_field=field.name,
        target_weight=1.0,
    )


def _looks_like_labels(counts: Counter[str]) -> bool:
    """Few different values that come again and again, each short and on one line."""
    total = sum(counts.values())
    short = all(len(value) <= 80 and "\n" not in value for value in counts)
    return short and 2 <= len(counts) <= min(MOST_LABELS, max(2, total // 3))


def _target_field(target: str, kind: str, counts: Counter[str]) -> TaskField:
    name = _slug(target).replace("-", "_").lstrip("0123456789_")[:40] or "target"
    if kind == "text":
        return TaskField(name=name, title=target, kind="text", primary_metric="rougeL", max_length=20_000)
    folded: dict[str, str] = {}
    for value in sorted(counts, key=lambda value: (-counts[value], value)):
        folded.setdefault(" ".join(value.casefold().split()), value)
    if len(folded) < 2:
        only = next(iter(counts))
        raise TicketsError(
            f"The column {target!r} holds one label only ({only!r}): there is nothing to choose. Use --kind text or another column."
        )
    if len(folded) > MOST_LABELS:
        raise TicketsError(
            f"The column {target!r} holds {len(folded)} different labels; at most {MOST_LABELS} can be told apart here. Use --kind text."
        )
    choices = tuple(Choice(value=value) for value in sorted(folded.values()))
    return TaskField(name=name, title=target, kind="choice", choices=choices, primary_metric="accuracy")


def _own_task(field: TaskField) -> TaskSpec:
    if field.kind == "text":
        return TaskSpec(
            inputs=(InputColumn(name="ticket"),), fields=(field,), user="{ticket}", codec="plain", max_new_tokens=64
        )
    listed = f"Labels: {', '.join(field.labels)}. " if len(field.labels) <= MOST_LISTED else ""
    return TaskSpec(
        inputs=(InputColumn(name="ticket"),),
        fields=(field,),
        user="{ticket}\n\n" + listed.replace("{", "(").replace("}", ")") + f"Answer as:\n{field.name}: <label>",
        codec="lines",
        max_new_tokens=24,
    )


def _slug(text: str) -> str:
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:40] or "tickets"
