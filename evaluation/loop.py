"""What the loop, the home pages and the lamps say of this room."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.urls import reverse

from evaluation import selectors
from evaluation.cardpage import VERDICTS
from evaluation.jobs import BASELINE, COMPARE
from evaluation.models import Campaign, Scorecard
from ftplatform.projects.access import Access
from ftplatform.projects.seals import refuse_if_sealed
from ftplatform.ui.registries import Lamp, LoopStep, QueueCard, WaitingItem
from inference.models import ModelVersion
from inference.uses import Use


def baseline_step(access: Access) -> LoopStep:
    project = access.project
    href = reverse("evaluation:baseline", args=[project.slug])
    if selectors.baselines_of(project).exists():
        return LoopStep("baseline", "Baseline", "done", href=href)
    if job := selectors.live_job(project, [BASELINE.name]):
        return LoopStep("baseline", "Baseline", "running", f"{job.percent or 0} %", job.percent, href)
    if not selectors.evaluation_sets(project).exists():
        return LoopStep("baseline", "Baseline", "locked", "Freeze a test set first")
    if not selectors.base_models(project).exists():
        return LoopStep("baseline", "Baseline", "todo", "needs a model", href=href)
    return LoopStep("baseline", "Baseline", "waiting", href=href)


def rate_step(access: Access) -> LoopStep:
    project = access.project
    href = reverse("evaluation:campaigns", args=[project.slug])
    newest = selectors.campaigns_of(project).first()
    if newest is None:
        if not selectors.ratable(project).exists():
            return LoopStep("rate", "Rate", "locked", "Make a scorecard of a candidate first")
        return LoopStep("rate", "Rate", "waiting", href=href)
    if newest.state == Campaign.State.CLOSED:
        return LoopStep("rate", "Rate", "done", href=href)
    wanted = newest.item_count * newest.overlap  # type: ignore[attr-defined]  # annotated by campaigns_of
    return LoopStep("rate", "Rate", "waiting", f"{newest.rated or 0}/{wanted}", href=href)  # type: ignore[attr-defined]


def scorecard_step(access: Access) -> LoopStep:
    project = access.project
    href = reverse("evaluation:scorecards", args=[project.slug])
    if job := selectors.live_job(project, [COMPARE.name]):
        return LoopStep("scorecard", "Scorecard", "running", f"{job.percent or 0} %", job.percent, href)
    card = selectors.newest_comparison(project)
    if card is None:
        if not selectors.baselines_of(project).exists():
            return LoopStep("scorecard", "Scorecard", "locked", "Measure the baseline first")
        return LoopStep("scorecard", "Scorecard", "todo", href=href)
    href = reverse("evaluation:scorecard", args=[project.slug, card.number])
    if card.verdict == Scorecard.Verdict.UNDECIDED:
        return LoopStep("scorecard", "Scorecard", "undecided", "undecided", href=href)
    return LoopStep("scorecard", "Scorecard", "done", str(card.verdict), href=href)


def waiting(access: Access) -> list[WaitingItem]:
    """A baseline to be measured, campaigns that lack raters or ratings, ratings that no scorecard has counted."""
    project, slug = access.project, access.project.slug
    items = []
    if baseline_step(access).state == "waiting":
        href = reverse("evaluation:baseline", args=[slug])
        items.append(
            WaitingItem(
                1, "baseline is missing", "Training is locked until the base model was measured.", href, "Measure it"
            )
        )
    card = selectors.newest_comparison(project)
    for campaign in selectors.campaigns_of(project).filter(state=Campaign.State.OPEN):
        href = reverse("evaluation:campaign", args=[slug, campaign.number])
        lacking = campaign.item_count * campaign.overlap - (campaign.rated or 0)  # type: ignore[attr-defined]
        if campaign.rater_count == 0:  # type: ignore[attr-defined]
            items.append(
                WaitingItem(
                    lacking,
                    "ratings are wanted",
                    f"Nobody is invited to “{campaign.name}” yet.",
                    href,
                    "Invite experts",
                )
            )
        elif lacking > 0:
            items.append(
                WaitingItem(
                    lacking, "ratings are wanted", f"Experts are at work in “{campaign.name}”.", href, "See progress"
                )
            )
    if card and (new := selectors.new_ratings(card)):
        href = reverse("evaluation:scorecard", args=[slug, card.number])
        items.append(
            WaitingItem(new, "ratings are not scored yet", f"They came after {str(card).lower()}.", href, "Score again")
        )
    elif card and card.verdict == Scorecard.Verdict.UNDECIDED and not selectors.campaigns_of(project).exists():
        href = reverse("evaluation:new-campaign", args=[slug]) + f"?scorecard={card.pk}"
        if selectors.ratable(project).filter(pk=card.pk).exists() and card.task_revision.spec.text_fields:
            items.append(
                WaitingItem(
                    1, "scorecard waits for ratings", f"{card} is undecided: nobody has rated.", href, "Ask experts"
                )
            )
    return items


def baseline_lamp(access: Access) -> Lamp:
    card = selectors.baselines_of(access.project).first()
    href = reverse("evaluation:baseline", args=[access.project.slug])
    if card is None:
        return Lamp("Baseline", "wait", "Missing", "Nobody could tell whether tuning helped.", href, "Measure it")
    text = f"{card.base_model} was measured on {str(card.evaluation_set).lower()}; training is open."
    href = reverse("evaluation:scorecard", args=[access.project.slug, card.number])
    return Lamp("Baseline", "good", "In order", text, href, str(card))


def human_lamp(access: Access) -> Lamp:
    """Whether people have rated what the newest comparison compares."""
    project = access.project
    href = reverse("evaluation:campaigns", args=[project.slug])
    card = selectors.newest_comparison(project)
    newest = selectors.campaigns_of(project).first()
    if card is None:
        return Lamp("Human ratings", "todo", "Not yet known", "There is no candidate to be rated.")
    if newest is None:
        return Lamp(
            "Human ratings",
            "wait",
            "Missing",
            "Metrics alone cannot tell whether an answer is true.",
            href,
            "Campaigns",
        )
    rated = newest.rated or 0  # type: ignore[attr-defined]
    wanted = newest.item_count * newest.overlap  # type: ignore[attr-defined]
    if rated < wanted and newest.state == Campaign.State.OPEN:
        return Lamp(
            "Human ratings", "wait", "Under way", f"{rated:,} of {wanted:,} ratings are there.", href, newest.name
        )
    return Lamp(
        "Human ratings",
        "good" if rated else "wait",
        "In order" if rated else "Missing",
        f"{rated:,} blind ratings.",
        href,
        newest.name,
    )


def queues(access: Access) -> list[QueueCard]:
    """The campaigns in which this person is asked to rate."""
    cards = []
    for rater in selectors.open_campaigns_of(access.project, access.user):
        progress = selectors.progress_of(rater)
        href = reverse("evaluation:rate", args=[access.project.slug, rater.campaign.number])
        text = (
            "Two answers a ticket, five scales each. Who wrote what is hidden."
            if progress.left
            else "Nothing is left for you just now."
        )
        cards.append(
            QueueCard(
                rater.campaign.name,
                text,
                href,
                "Rate" if progress.left else "See",
                progress.done,
                progress.total,
                "items rated",
            )
        )
    return cards


def latest_panel(access: Access) -> dict[str, Any] | None:
    """The newest verdict; left out while a seal keeps it from this person."""
    card = selectors.newest_comparison(access.project) or selectors.baselines_of(access.project).first()
    if card is None:
        return None
    try:
        refuse_if_sealed(access, selectors.versions_of_card(card))
    except PermissionDenied:
        return None
    glyph, tone = VERDICTS.get(card.verdict or "", ("good", "good"))
    return {
        "card": card,
        "href": reverse("evaluation:scorecard", args=[access.project.slug, card.number]),
        "glyph": glyph,
        "tone": tone,
        "word": card.get_verdict_display() if card.verdict else "Baseline",  # type: ignore[attr-defined]
        "sentence": card.content["sentence"],
        "needed": card.content["needed"],
    }


def uses(version: ModelVersion) -> list[Use]:
    """The scorecards that measured a version, for its page."""
    cards = Scorecard.objects.filter(candidate=version) | Scorecard.objects.filter(
        base_model=version, kind=Scorecard.Kind.BASELINE
    )
    slug = version.project.slug
    return [
        Use("used by", str(card), card.verdict or "baseline", reverse("evaluation:scorecard", args=[slug, card.number]))
        for card in cards.defer("content").order_by("number")
    ]


def card_link(job: Any) -> str:
    """The scorecard that a job made, or nothing while it has made none."""
    card = Scorecard.objects.filter(pk=job.result.get("scorecard")).only("number").first() if job.result else None
    return reverse("evaluation:scorecard", args=[job.project.slug, card.number]) if card and job.project else ""
