from django.db import migrations

from ftplatform.audit.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_initial"), ("audit", "0002_append_only")]
    operations = append_only(
        "evaluation_rating",
        "evaluation_rubricrevision",
        "evaluation_releaserules",
        "evaluation_scorecard",
        "evaluation_scorecardscores",
        "evaluation_answerkey",
    )
