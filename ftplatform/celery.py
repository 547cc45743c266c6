"""Celery: one task, `jobs.run(job_id)`, which is only a wake-up. See ftplatform/jobs/."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ftplatform.settings")

app = Celery("ftplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["ftplatform.jobs"], related_name="celery_tasks")
