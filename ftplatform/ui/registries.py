"""What the frame and the home page show of the rooms above: typed providers, registered in each room's `registrations.py`.

A provider takes the caller's `Access` and answers from a few indexed reads: it runs on every page of a project (the loop) or on
its home page (all others). Nobody imports upwards, and a step that nobody provides is locked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ftplatform.jobs.models import Job
    from ftplatform.projects.access import Access

StepState = Literal["done", "running", "waiting", "undecided", "todo", "locked"]
State = Literal["good", "wait", "undecided", "bad", "todo", "run"]

LOOP: tuple[tuple[str, str], ...] = (
    ("tickets", "Tickets"),
    ("test-set", "Test set"),
    ("baseline", "Baseline"),
    ("labels", "Labels"),
    ("dataset", "Dataset"),
    ("runs", "Runs"),
    ("compare", "Compare"),
    ("rate", "Rate"),
    ("scorecard", "Scorecard"),
    ("live", "Live"),
)
_GLYPHS = {
    "done": "done",
    "running": "run",
    "waiting": "wait",
    "undecided": "undecided",
    "todo": "todo",
    "locked": "locked",
}


@dataclass(frozen=True)
class LoopStep:
    """One station of the loop.

    note: a word or figure beside the name (`v3`, `78 %`, `12/60`); for a locked step the reason and what to do.
    percent: 0–100, how full the ring of a running step is. href: where the step's page is; unused while it is locked.
    """

    slug: str
    name: str
    state: StepState
    note: str = ""
    percent: float | None = None
    href: str = ""

    @property
    def glyph(self) -> str:
        return _GLYPHS[self.state]

    @property
    def line(self) -> str:
        """The state as style.css knows it: an undecided step is drawn as one that waits."""
        return "waiting" if self.state == "undecided" else self.state


@dataclass(frozen=True)
class WaitingItem:
    """Something that needs a person: `38` `tickets are unresolved`, why, and the button that leads there."""

    count: int
    text: str
    detail: str
    href: str
    action: str
    state: State = "wait"


@dataclass(frozen=True)
class Lamp:
    """One guardrail: its word (`In order`, `Needs a look`, `Missing`, `Not yet known`), the evidence, and a link to it."""

    name: str
    state: State
    word: str
    text: str
    href: str = ""
    link: str = ""


@dataclass(frozen=True)
class QueueCard:
    """A labeler's or an expert's queue on their home page. done and total are their own; total None where it has no end."""

    title: str
    text: str
    href: str
    action: str
    done: int = 0
    total: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class HomePanel:
    """A section of the home page: a template that gets the provider's answer as `panel`. None from the provider leaves it out."""

    template: str
    provider: Callable[[Access], dict[str, Any] | None]
    wide: bool = True


@dataclass(frozen=True)
class SearchHit:
    """Something found: what kind of thing, its title, a line of where and when."""

    kind: str
    title: str
    detail: str
    href: str


LoopProvider = Callable[["Access"], LoopStep]
WaitingProvider = Callable[["Access"], list[WaitingItem]]
LampProvider = Callable[["Access"], Lamp]
QueueProvider = Callable[["Access"], list[QueueCard]]
SearchProvider = Callable[["Access", str], list[SearchHit]]
JobLink = Callable[["Job"], str]


@dataclass
class Registries:
    """All of them in one object, so that a test can have its own."""

    loop: dict[str, LoopProvider] = field(default_factory=dict)
    waiting: list[WaitingProvider] = field(default_factory=list)
    lamps: dict[int, LampProvider] = field(default_factory=dict)
    queues: list[QueueProvider] = field(default_factory=list)
    panels: dict[int, HomePanel] = field(default_factory=dict)
    search: list[SearchProvider] = field(default_factory=list)
    job_links: dict[str, JobLink] = field(default_factory=dict)


registered = Registries()


def register_loop_step(slug: str, provider: LoopProvider) -> None:
    """Raises ValueError for a slug that is no station of LOOP, or one that is taken."""
    if slug not in dict(LOOP):
        raise ValueError(f"{slug!r} is not a step of the loop; steps are {', '.join(dict(LOOP))}")
    if registered.loop.get(slug, provider) is not provider:
        raise ValueError(f"the step {slug!r} has a provider already")
    registered.loop[slug] = provider


def register_waiting(provider: WaitingProvider) -> None:
    if provider not in registered.waiting:
        registered.waiting.append(provider)


def register_lamp(order: int, provider: LampProvider) -> None:
    """order: 1 Baseline, 2 Data, 3 Hyperparameters, 4 Overfitting, 5 Human ratings, 6 Compression."""
    registered.lamps[order] = provider


def register_queue(provider: QueueProvider) -> None:
    if provider not in registered.queues:
        registered.queues.append(provider)


def register_home_panel(
    order: int, template: str, provider: Callable[[Access], dict[str, Any] | None], *, wide: bool = True
) -> None:
    """wide: in the broad left column of the home page, else beside it. Viewers see the panels too."""
    registered.panels[order] = HomePanel(template, provider, wide)


def register_search(provider: SearchProvider) -> None:
    if provider not in registered.search:
        registered.search.append(provider)


def register_job_link(kind: str, link: JobLink) -> None:
    """Where the thing is that jobs of this kind work on: the job's page links there."""
    registered.job_links[kind] = link


def loop_steps(access: Access) -> list[LoopStep]:
    """The ten steps in order."""
    return [
        registered.loop[slug](access)
        if slug in registered.loop
        else LoopStep(slug, name, "locked", "not part of this installation yet")
        for slug, name in LOOP
    ]


def waiting_items(access: Access) -> list[WaitingItem]:
    return [item for provider in registered.waiting for item in provider(access) if item.count]


def lamps(access: Access) -> list[Lamp]:
    return [provider(access) for _, provider in sorted(registered.lamps.items())]


def queue_cards(access: Access) -> list[QueueCard]:
    return [card for provider in registered.queues for card in provider(access)]


def home_panels(access: Access) -> list[tuple[HomePanel, dict[str, Any]]]:
    """Each panel that has something to show, with what it shows."""
    shown = ((panel, panel.provider(access)) for _, panel in sorted(registered.panels.items()))
    return [(panel, content) for panel, content in shown if content is not None]


def search(access: Access, query: str) -> list[SearchHit]:
    return [hit for provider in registered.search for hit in provider(access, query)]


def job_href(job: Job) -> str:
    """The page of what this job works on, or nothing where no room has said."""
    link = registered.job_links.get(job.kind)
    return link(job) if link else ""
