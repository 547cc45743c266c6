from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0002_the_lock")]
    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="left_out",
            field=models.JSONField(
                default=list,
                help_text="Rows of the dataset that this run was told to leave out: item, split, tokens, reason.",
            ),
        ),
    ]
