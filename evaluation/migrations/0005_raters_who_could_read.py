from django.db import migrations, models


def fill(apps, schema_editor):
    """For those who were invited before this was kept, by the roles that they hold now."""
    Membership = apps.get_model("accounts", "Membership")
    for rater in apps.get_model("evaluation", "CampaignRater").objects.select_related("campaign", "user"):
        held = Membership.objects.filter(user=rater.user_id, project=rater.campaign.project_id)
        if rater.user.is_superuser or held.filter(role__in=("admin", "reviewer", "viewer")).exists():
            rater.could_read = True
            rater.save(update_fields=["could_read"])


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0004_what_raters_saw_stays"), ("accounts", "0002_initial")]
    operations = [
        migrations.AddField(
            "campaignrater",
            "could_read",
            models.BooleanField(
                default=False,
                help_text="Held a role, when invited, that opens the pages on which versions stand beside answers.",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
