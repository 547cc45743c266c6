"""What a task may ask of this room: each field's primary metric is frozen with the task, and the first score comes long after."""

from evaluation.metrics import Description, describe
from evaluation.metrics.fields import metrics_of
from ftplatform.errors import Refused
from ftplatform.projects.spec import TaskField, TaskSpec


def refuse_metrics(spec: TaskSpec) -> None:
    """Raises Refused for a primary metric that no field of its kind can be scored by, or that cannot be had on this machine."""
    for field in spec.fields:
        if not field.primary_metric:
            continue
        known = fitting(field)
        if field.primary_metric not in known:
            raise Refused(
                "unknown-metric",
                f"{field.heading} cannot be scored by {field.primary_metric!r}; a {field.kind} field is scored by "
                f"{', '.join(name for name, one in known.items() if not one.absent)}.",
                field="fields",
            )
        if reason := known[field.primary_metric].absent:
            raise Refused(
                "absent-metric",
                f"{field.heading} cannot be scored by {field.primary_metric} here: {reason}.",
                field="fields",
            )


def fitting(field: TaskField) -> dict[str, Description]:
    """The metrics that read what the field's own primary metric reads, those that are mere warnings left out."""
    described = describe()
    takes = described[metrics_of(field.kind).primary].takes
    return {name: one for name, one in described.items() if one.takes == takes and not one.warning}
