"""What the demo found, as `--json` writes it. Scripts rely on its keys: add to them, rename and drop none."""

from __future__ import annotations

from typing import Any

from annotation.models import Example
from evaluation.models import Rating
from training.demo.stages import Loop


def report(loop: Loop) -> dict[str, Any]:
    """The JSON as a dict. No human rating is invented: without any, the verdict is `undecided` and says what is still needed."""
    base, ours = loop.baseline.content, loop.scorecard.content
    conditions = {row["name"]: row["metrics"] for row in base["conditions"]}
    serving = ours["settings"]["serving"]
    result = loop.run.result
    return {
        "project": loop.project.slug,
        "examples": Example.objects.filter(project=loop.project).count(),
        "evaluation_set": {
            "id": loop.evaluation_set.pk,
            "hash": loop.evaluation_set.hash,
            "examples": loop.evaluation_set.size,
        },
        "dataset_version": {
            "id": loop.dataset.pk,
            "hash": loop.dataset.hash,
            "train": loop.dataset.counts.get("train", 0),
            "validation": loop.dataset.counts.get("validation", 0),
        },
        "baseline": {
            "model_version": loop.base.pk,
            "scorecard": loop.baseline.pk,
            "condition": base["best"],
            "conditions": {
                name: {metric: _figure(one) for metric, one in metrics.items()} for name, metrics in conditions.items()
            },
            "metrics": {metric: _figure(conditions[name][metric]) for metric, name in base["best"].items()},
            "trivial": {
                row["name"]: {metric: _figure(one) for metric, one in row["metrics"].items()} for row in base["trivial"]
            },
        },
        "training_run": {
            "id": loop.run.pk,
            **{
                name: result.get(name)
                for name in (
                    "steps",
                    "tokens",
                    "tokens_per_second",
                    "best_step",
                    "stopped_early",
                    "train_loss",
                    "validation_loss",
                )
            },
        },
        "tuned": {
            "model_version": loop.run.model_version_id,
            "scorecard": loop.scorecard.pk,
            "condition": serving,
            "metrics": {row["name"]: _figure(row["candidate"]) for row in ours["comparisons"]},
            "parse_rate": ours["parse_rate"].get(f"candidate {serving}", {}),
        },
        "deltas": {
            row["name"]: {"value": row["delta"]["value"], "ci": row["delta"]["ci"], "p": row["p"]}
            for row in ours["comparisons"]
        },
        "campaign": {
            "id": loop.campaign.pk,
            "url": f"/projects/{loop.project.slug}/campaigns/{loop.campaign.number}/",
            "items": loop.campaign.items.count(),
            "ratings": Rating.objects.filter(
                assignment__campaign_item__campaign=loop.campaign, superseded_by=None
            ).count(),
        },
        "verdict": {
            "value": loop.scorecard.verdict,
            "reasons": [ours["sentence"], *([ours["needed"]] if ours["needed"] else [])],
        },
        "threats": ours["threats"],
        "remarks": list(loop.source.remarks),
        "seconds": loop.seconds,
    }


def _figure(figure: dict[str, Any]) -> dict[str, Any]:
    return {"value": figure["value"], "ci": figure["ci"], "n": figure["n"]}
