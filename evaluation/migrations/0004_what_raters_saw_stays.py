import django.db.models.deletion
from django.db import migrations, models

from ftplatform.audit.append_only import append_only


def protected(related: str, to: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name=related, to=f"evaluation.{to}")


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0003_ratings_say_the_kind_of_harm"), ("audit", "0002_append_only")]
    operations = [
        migrations.RemoveField("campaignitem", "is_gold"),
        migrations.AlterField("campaignarm", "campaign", protected("arms", "campaign")),
        migrations.AlterField("campaignitem", "campaign", protected("items", "campaign")),
        migrations.AlterField("campaignrater", "campaign", protected("raters", "campaign")),
        migrations.AlterField("itemanswer", "campaign_item", protected("answers", "campaignitem")),
        migrations.AlterField("answerkey", "assignment", protected("keys", "assignment")),
        *append_only("evaluation_campaignarm", "evaluation_campaignitem", "evaluation_itemanswer"),
    ]
