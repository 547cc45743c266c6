from django.db import migrations, models

# What a card of before can have read is what was there when it was made.
FILL = """
UPDATE evaluation_scorecard card SET newest_rating = coalesce((
  SELECT max(rating.id) FROM evaluation_rating rating
  JOIN evaluation_assignment assignment ON assignment.id = rating.assignment_id
  JOIN evaluation_campaignitem item ON item.id = assignment.campaign_item_id
  JOIN evaluation_campaignarm arm ON arm.campaign_id = item.campaign_id
  JOIN inference_generationcell cell ON cell.id = arm.cell_id
  WHERE cell.run_id = card.generation_run_id AND rating.created_at <= card.created_at), 0)
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0006_cannot_judge_is_said_by_letter")]
    operations = [
        migrations.AddField("scorecard", "newest_rating", models.BigIntegerField(
            default=0, help_text="The last rating of these answers that was there when ratings were read; 0: none.")),
        migrations.RunSQL(
            ["SET LOCAL ft.redacting = 'on'", FILL, "SET LOCAL ft.redacting = 'off'"], migrations.RunSQL.noop
        ),
    ]
