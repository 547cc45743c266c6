"""What this room registers in the rooms below: job kinds, what a new task breaks, loop steps, waiting lists, lamps, queues, search."""

from annotation import standing
from annotation.jobs import IMPORT
from annotation.services.carrying import CARRIER, refuse
from ftplatform.jobs import kinds
from ftplatform.projects import carriers
from ftplatform.ui import registries

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
