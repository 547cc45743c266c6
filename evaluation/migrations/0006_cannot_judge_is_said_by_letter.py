import re

from django.db import migrations, models

LINE = re.compile(r"^Cannot judge ([A-D]): (.+)\.$")


def split(apps, schema_editor):
    """What the bench packed into the reason, a line a letter, gets its column; what an API client wrote there stands for each
    letter with a null. Says nothing new, so it may pass the trigger."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET LOCAL ft.redacting = 'on'")
    for rating in apps.get_model("evaluation", "Rating").objects.exclude(reason="").iterator():
        unjudged = [letter for letter, row in rating.scores.items() if None in row.values()]
        lines = [(line, LINE.match(line)) for line in rating.reason.splitlines()]
        packed = {found.group(1): found.group(2) for _, found in lines if found and found.group(1) in unjudged}
        if not unjudged:
            continue
        rating.cannot = dict.fromkeys(unjudged, rating.reason) | packed
        if packed:
            kept = [line for line, found in lines if not (found and found.group(1) in packed)]
            rating.reason = "\n".join(kept)
        rating.save(update_fields=["reason", "cannot"])
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET LOCAL ft.redacting = 'off'")


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0005_raters_who_could_read")]
    operations = [
        migrations.AddField("rating", "cannot", models.JSONField(default=dict)),
        migrations.AlterField("rating", "reason", models.TextField(blank=True, help_text="A comment on the item.")),
        migrations.RunPython(split, migrations.RunPython.noop),
    ]
