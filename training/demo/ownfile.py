"""The reader's own file as a demo: one text in, one label or text out. Django-free."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from annotation import formats
from annotation.formats.objects import cell_text
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec
from training.demo.columns import named_columns
from training.demo.source import Source, TicketsError, tokens_of

MOST_LISTED = 24
"""Labels that fit into the prompt; a longer list would be most of the ticket's tokens."""

MOST_LABELS, LONGEST_LABEL = 300, 200
LONGEST_GUESSED = 80
"""A longer value, or one of several lines, is a text unless somebody says that it is a label."""

MOST_ANSWER_TOKENS = 160
"""Of a text answer: what two cores write for a test set within the demo's minutes."""

CUT_SHARE = 0.9
"""The share of target texts that fit whole into an answer's tokens."""

NAME_CHARACTERS, STEM_CHARACTERS, FIELD_CHARACTERS = 100, 18, 40
NAMED = 3


@dataclass
class _Seen:
    """What the file holds in the two columns."""

    text: str
    target: str
    columns: list[str]
    rows: int = 0
    targets: Counter[str] = field(default_factory=Counter)
    warnings: tuple[str, ...] = ()
    """The reader's: an encoding that was guessed, a header that looks like data."""


def own_file(path: Path, *, text: str | None = None, target: str | None = None, kind: str | None = None) -> Source:
    """Reads the file once and describes its task. text, target: its columns, found by their names when None; kind: choice or text,
    guessed when None. Raises TicketsError."""
    if text and text == target:
        raise TicketsError(f"--input and --target both name {text!r}: the answer would stand in the question.")
    seen = _read(path, text, target)
    found = () if text and target else (_found(seen),)
    text, target = seen.text, seen.target
    guessed = kind is None
    kind = kind or ("choice" if _look_like_labels(seen.targets) else "text")
    made = _target_field(target, kind, seen.targets, guessed=guessed)
    answer = _answer_tokens(made, seen.targets)
    spec = _task(made, answer)
    digest = hashlib.sha256(path.read_bytes() + f"\n{text}\n{spec.content_hash()}".encode()).hexdigest()[:8]
    return Source(
        name=_title(path.stem),
        slug=f"{_slug(path.stem)[:STEM_CHARACTERS].strip('-') or 'tickets'}-{digest}",
        description=f"{target} from {text}, from {path.name}."[:2000],
        attribution=f"Tickets of {path.name}.",
        path=path,
        mapping=dict.fromkeys(seen.columns, "raw") | {text: "input:ticket", target: f"field:{made.name}"},
        spec=spec,
        target_weight=1.0,
        remarks=(
            *(f"{path.name}: {warning}" for warning in seen.warnings),
            *found,
            *_guess(target, kind, seen.targets, guessed=guessed),
            *_cut(made, seen.targets, answer),
        ),
    )


def _found(seen: _Seen) -> str:
    return (
        f"{seen.text!r} is taken as the ticket and {seen.target!r} as what is learnt; --input and --target name others."
    )


def _read(path: Path, text: str | None, target: str | None) -> _Seen:
    try:
        reader = formats.read(path)
        text, target = named_columns(path.name, reader.detected.columns, text, target)
        seen = _Seen(text, target, columns=list(reader.detected.columns), warnings=reader.detected.warnings)
        known = set(seen.columns)
        for row in reader:
            if not isinstance(row, formats.Row):
                continue
            seen.rows += 1
            if late := row.values.keys() - known:  # keys that the first objects of a JSONL do not have
                seen.columns += sorted(late)
                known |= late
            seen.targets[_plain(row.values.get(target))] += 1
    except formats.FormatError as error:
        raise TicketsError(str(error)) from error
    except OSError as error:
        raise TicketsError(f"{path} cannot be read: {error.strerror}.") from error
    for column in (text, target):
        if column not in known:
            named = ", ".join(seen.columns) or "none"
            raise TicketsError(f"{path.name} has no column {column!r}; its columns are {named}.")
    del seen.targets[""]
    if not seen.targets:
        raise TicketsError(f"The column {target!r} is empty in every row: there is nothing to learn from.")
    return seen


def _plain(value: object) -> str:
    """As the import reads a cell: 0 and false are values."""
    return unicodedata.normalize("NFC", cell_text(value).strip())


def _look_like_labels(counts: Counter[str]) -> bool:
    """Few different values that come again and again, each short and on one line."""
    short = all(len(value) <= LONGEST_GUESSED and "\n" not in value for value in counts)
    return short and len(counts) <= min(MOST_LABELS, max(2, counts.total() // 3))


def _guess(target: str, kind: str, counts: Counter[str], *, guessed: bool) -> tuple[str, ...]:
    if not guessed:
        return ()
    values = f"{len(counts):,} different values in {counts.total():,} rows"
    if kind == "choice":
        return (f"{target!r} is taken as a label to choose: {values}. --kind text takes it as a text to write.",)
    return (f"{target!r} is taken as a text to write: {values}. --kind choice takes it as a label to choose.",)


def _target_field(target: str, kind: str, counts: Counter[str], *, guessed: bool) -> TaskField:
    if len({_folded(value) for value in counts}) == 1 and (kind == "choice" or guessed):
        listed = " and ".join(repr(value) for value in sorted(counts)[:NAMED])
        raise TicketsError(f"The column {target!r} holds one label only ({listed}): there is nothing to choose.")
    name = _slug(target).replace("-", "_").lstrip("0123456789_")[:FIELD_CHARACTERS].rstrip("_") or "target"
    if kind == "text":
        return TaskField(name=name, title=target[:NAME_CHARACTERS], kind="text", primary_metric="rougeL")
    unfit = [value for value in counts if len(value) > LONGEST_LABEL or "\n" in value or "\r" in value]
    if unfit:
        raise TicketsError(
            f"{len(unfit)} values of {target!r} cannot be labels, since a label is one line of at most {LONGEST_LABEL} characters; "
            f"the first: {unfit[0][:60]!r}. Use --kind text."
        )
    labels: dict[str, str] = {}
    for value in sorted(counts, key=lambda value: (-counts[value], value)):  # the commonest way of writing a label
        labels.setdefault(_folded(value), value)
    if len(labels) > MOST_LABELS:
        raise TicketsError(
            f"The column {target!r} holds {len(labels)} different labels; at most {MOST_LABELS} can be told apart here. Use --kind text."
        )
    choices = tuple(Choice(value=value) for value in sorted(labels.values()))
    return TaskField(
        name=name, title=target[:NAME_CHARACTERS], kind="choice", choices=choices, primary_metric="accuracy"
    )


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


def _answer_tokens(made: TaskField, counts: Counter[str]) -> int:
    """What an answer may take: the longest label in its line, or what holds nine of ten target texts."""
    if made.kind == "choice":
        return tokens_of(f"{made.name}: ") + max(map(tokens_of, made.labels)) + 4
    lengths = sorted(tokens_of(value) for value in counts.elements())
    return min(MOST_ANSWER_TOKENS, max(16, lengths[int(CUT_SHARE * (len(lengths) - 1))] + 4))


def _cut(made: TaskField, counts: Counter[str], answer: int) -> tuple[str, ...]:
    if made.kind == "choice":
        return ()
    longer = sum(count for value, count in counts.items() if tokens_of(value) > answer)
    if not longer:
        return ()
    share = 100 * longer / counts.total()
    return (
        f"Answers have at most {answer} tokens; about {share:.0f} % of the targets are longer and cannot be met whole.",
    )


def _task(made: TaskField, answer: int) -> TaskSpec:
    """The same words for base and tuned: a base that is not told what to write would be a straw man."""
    if made.kind == "text":
        asked = f"Write the {made.heading}." if "{" not in made.heading else "Write the answer."
    else:
        listable = len(made.labels) <= MOST_LISTED and not any("{" in label for label in made.labels)
        asked = (f"Labels: {', '.join(made.labels)}. " if listable else "") + f"Answer as:\n{made.name}: <label>"
    return TaskSpec(
        inputs=(InputColumn(name="ticket"),),
        fields=(made,),
        system=asked,  # before the ticket, where it is computed once (docs/decisions/011)
        user="{ticket}",
        codec="plain" if made.kind == "text" else "lines",
        max_new_tokens=answer,
    )


def _title(stem: str) -> str:
    words = stem.replace("_", " ").replace("-", " ").strip()
    return words[:NAME_CHARACTERS].strip().capitalize() or "Tickets"


def _slug(text: str) -> str:
    """ASCII letters and digits, the rest hyphens; empty where nothing is left."""
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text.lower())
    return "-".join(part for part in kept.split("-") if part)
