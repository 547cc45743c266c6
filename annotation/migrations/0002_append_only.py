from django.db import migrations

from ftplatform.audit.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial"), ("audit", "0002_append_only")]
    operations = append_only("annotation_annotation", "annotation_datasetversion", "annotation_datasetitem")
