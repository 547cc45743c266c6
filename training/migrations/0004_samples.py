import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0003_rows_left_out"), ("annotation", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="RunSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("ended", models.BooleanField(help_text="Whether the answer ended by itself within the tokens it had.")),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotation.datasetitem"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="samples", to="training.trainingrun"
                    ),
                ),
            ],
            options={"ordering": ["item", "step"]},
        ),
        migrations.AddConstraint(
            model_name="runsample",
            constraint=models.UniqueConstraint(fields=("run", "item", "step"), name="one_sample_a_step"),
        ),
    ]
