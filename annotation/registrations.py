"""What this room registers in the rooms below: job kinds, what a new task breaks, loop steps, waiting lists, lamps, queues, search."""

from django.urls import reverse

from annotation import standing
from annotation.jobs import IMPORT
from annotation.models import DatasetVersion, Example
from annotation.services.carrying import CARRIER, refuse
from ftplatform import lineage
from ftplatform.jobs import kinds
from ftplatform.projects import carriers
from ftplatform.ui import registries


def tell_ticket(row: Example) -> lineage.Told:
    href = reverse("annotation:ticket", args=[row.project.slug, row.pk])
    return lineage.Told(f"Ticket {row.pk}", row.split or "in no split", href)


def tell_dataset(row: DatasetVersion) -> lineage.Told:
    href = reverse("annotation:dataset", args=[row.project.slug, row.kind, row.number])
    return lineage.Told(str(row), f"{row.size:,} tickets, {row.hash[:7]}", href)


kinds.register(IMPORT)
carriers.register(CARRIER)
carriers.register_rule(refuse)
registries.register_loop_step("tickets", standing.tickets_step)
registries.register_loop_step("test-set", standing.test_set_step)
registries.register_loop_step("labels", standing.labels_step)
registries.register_loop_step("dataset", standing.dataset_step)
registries.register_waiting(standing.waiting)
registries.register_lamp(2, standing.data_lamp)
registries.register_queue(standing.queues)
registries.register_search(standing.search)
registries.register_job_link(IMPORT.name, standing.import_link)
lineage.register(
    lineage.Kind("ticket", Example, tell_ticket, made={"dataset_items__version": "dataset-version"}, are_many=True)
)
lineage.register(
    lineage.Kind("dataset-version", DatasetVersion, tell_dataset, made_of={"evaluation_set": "dataset-version"})
)
