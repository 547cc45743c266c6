"""A ticket's raw columns are kept by a trigger (cleaning may change its inputs), and a labeler's cursor knows when nothing is left."""

from django.db import migrations, models

RAW = """
CREATE TRIGGER annotation_examplecontent_raw BEFORE UPDATE OF raw ON annotation_examplecontent
  FOR EACH ROW WHEN (OLD.raw IS DISTINCT FROM NEW.raw) EXECUTE FUNCTION ft_refuse_change();
CREATE TRIGGER annotation_examplecontent_kept BEFORE DELETE ON annotation_examplecontent
  FOR EACH ROW EXECUTE FUNCTION ft_refuse_change();
"""
BACK = """
DROP TRIGGER annotation_examplecontent_raw ON annotation_examplecontent;
DROP TRIGGER annotation_examplecontent_kept ON annotation_examplecontent;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0003_imports_merge_and_choose"), ("audit", "0002_append_only")]
    operations = [
        migrations.RunSQL(RAW, BACK),
        migrations.AddField(
            model_name="queue",
            name="returned",
            field=models.PositiveIntegerField(default=0, help_text="How often a slot was given back."),
        ),
        migrations.AddField(
            model_name="queuecursor",
            name="exhausted_at",
            field=models.PositiveIntegerField(
                help_text="The queue's `returned` when nothing open was left for this labeler.", null=True
            ),
        ),
    ]
