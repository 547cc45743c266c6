from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0006_cannot_judge_is_said_by_letter")]
    operations = [
        migrations.AddField(
            "scorecard",
            "ratings_seen",
            models.PositiveIntegerField(
                null=True,
                help_text="Ratings of its answers, counted just before they were read. Null before this was kept.",
            ),
        ),
    ]
