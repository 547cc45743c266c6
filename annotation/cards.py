"""The data card of a version: what a reader should know before trusting a figure that was measured or trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from annotation.hashing import prompt_text
from annotation.models import DatasetItem, Example, Split
from annotation.nearprompts import THRESHOLD, find_near_prompts
from annotation.splits import join_groups
from ftplatform.projects.models import Project
from ftplatform.projects.spec import TaskSpec

BINS = 12
BATCH = 5000
IN_NO_SET = "in no set: not drawn, or near the other set"


def card_of(project: Project, spec: TaskSpec, rows: Sequence[DatasetItem], neutralised: int) -> dict[str, Any]:
    """labels: field → label → split → count. Lengths are in characters. near_prompts: how many items have a near neighbour in the
    version, or why that was not looked for. sources: file → items."""
    completions = sorted(len(row.content["completion"]) for row in rows)
    prompts = sorted(sum(len(one["content"]) for one in row.content["messages"]) for row in rows)
    return {
        "attribution": project.attribution,
        "sources": _sources(rows),
        "labels": _labels(spec, rows),
        "groups": len({row.group_key for row in rows}),
        "near_prompts": _near(spec, rows),
        "neutralised": neutralised,
        "prompt_characters": _quantiles(prompts),
        "completion_characters": _quantiles(completions),
        "completion_histogram": _histogram(completions),
    }


def left_out(project: Project, items: Sequence[int]) -> list[dict[str, Any]]:
    """Why tickets of the project are not among these: [{"reason", "count"}], in the order of what can be done about it."""
    inside: Counter[tuple[str | None, str]] = Counter()
    for at in range(0, len(items), BATCH):
        rows = Example.objects.filter(pk__in=items[at : at + BATCH]).values_list("split", "state")
        inside.update(rows)
    reasons: Counter[str] = Counter()
    counted = (
        Example.objects.filter(project=project, erased_at=None).values_list("split", "state").annotate(n=Count("pk"))
    )
    for split, state, count in counted.order_by():
        rest = count - inside[(split, state)]
        if rest > 0:
            reasons[_why(split, state)] += rest
    if between := _between_sets(project):
        reasons[IN_NO_SET] -= between
        reasons["its group stands in train and in validation"] = between
    erased = Example.objects.filter(project=project, erased_at__isnull=False).count()
    if erased:
        reasons["erased"] = erased
    return [{"reason": reason, "count": count} for reason, count in sorted(reasons.items()) if count]


def _between_sets(project: Project) -> int:
    """Resolved tickets in no set that join a group in train with one in validation: whichever set they went to would leak."""
    rows = Example.objects.filter(project=project, erased_at=None)
    found = rows.filter(Q(split=None, state=Example.State.RESOLVED) | Q(split__in=[Split.TRAIN, Split.VALIDATION]))
    tickets = list(found.values_list("split", "group_key", "prompt_hash"))
    groups = join_groups([group for _, group, _ in tickets], [prompt for _, _, prompt in tickets])
    splits: dict[int, set[str | None]] = {}
    for group, (split, _, _) in zip(groups, tickets, strict=True):
        splits.setdefault(group, set()).add(split)
    return sum(
        split is None and {Split.TRAIN, Split.VALIDATION} <= splits[group]
        for group, (split, _, _) in zip(groups, tickets, strict=True)
    )


def _why(split: str | None, state: str) -> str:
    if state != Example.State.RESOLVED:
        return "no settled answer yet"
    return {
        None: IN_NO_SET,
        Split.TEST.value: "held out in the test set",
    }.get(split, f"in {split}, not taken")


def _sources(rows: Sequence[DatasetItem]) -> list[dict[str, Any]]:
    ids = [row.example_id for row in rows if row.example_id]
    counted: Counter[str] = Counter({"not from a file": len(rows) - len(ids)} if len(ids) < len(rows) else {})
    for at in range(0, len(ids), BATCH):
        for name in Example.objects.filter(pk__in=ids[at : at + BATCH]).values_list("source__file_name", flat=True):
            counted[name or "not from a file"] += 1
    return [{"file": name, "items": count} for name, count in counted.most_common()]


def _labels(spec: TaskSpec, rows: Sequence[DatasetItem]) -> dict[str, dict[str, dict[str, int]]]:
    labels: dict[str, dict[str, dict[str, int]]] = {}
    for field in spec.choice_fields:
        counted = Counter((row.split, row.content["values"].get(field.name, "")) for row in rows)
        labels[field.name] = {}
        for (split, label), count in sorted(counted.items()):
            labels[field.name].setdefault(str(label), {})[split] = count
    return labels


def _near(spec: TaskSpec, rows: Sequence[DatasetItem]) -> dict[str, Any]:
    found = find_near_prompts([prompt_text(spec, row.content["inputs"]) for row in rows])
    sizes = found.sizes
    return {
        "threshold": THRESHOLD,
        "groups": None if found.skipped else len(sizes),
        "items": None if found.skipped else sum(sizes),
        "skipped": found.skipped,
    }


def _quantiles(values: list[int]) -> dict[str, int]:
    return {
        name: values[int(share * (len(values) - 1))]
        for name, share in (("least", 0), ("median", 0.5), ("p95", 0.95), ("most", 1))
    }


def _histogram(values: list[int]) -> list[dict[str, int]]:
    width = max(1, -(-(values[-1] + 1) // BINS))
    counted = Counter(value // width for value in values)
    return [
        {"from": at * width, "to": (at + 1) * width, "count": counted.get(at, 0)}
        for at in range(values[-1] // width + 1)
    ]
