"""The few flagged tickets of a project are found without a look at the others: the home page counts them, the list filters for them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0004_raw_is_kept_and_cursors_rest")]
    operations = [
        migrations.AddIndex(
            model_name="example",
            index=models.Index(
                fields=["project", "-id"], name="example_flagged", condition=models.Q(("is_flagged", True))
            ),
        ),
    ]
