from django.db import migrations

# The lock: a run's baseline is a baseline scorecard on the evaluation set that its dataset was kept apart from, and of the same
# base model. A service says so first and in kinder words; this holds it against every other way in.
FUNCTION = """
CREATE FUNCTION training_baseline_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  card evaluation_scorecard%ROWTYPE;
  apart bigint;
  root bigint;
BEGIN
  SELECT * INTO card FROM evaluation_scorecard WHERE id = NEW.baseline_id;
  SELECT evaluation_set_id INTO apart FROM annotation_datasetversion WHERE id = NEW.dataset_version_id;
  SELECT COALESCE(base_id, id) INTO root FROM inference_modelversion WHERE id = NEW.base_version_id;
  IF card.kind <> 'baseline' OR card.evaluation_set_id IS DISTINCT FROM apart OR card.base_model_id IS DISTINCT FROM root THEN
    RAISE EXCEPTION 'baseline scorecard % does not fit: another evaluation set, another base model, or no baseline', card.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER training_baseline_fits BEFORE INSERT OR UPDATE OF baseline_id, dataset_version_id, base_version_id
  ON training_trainingrun FOR EACH ROW EXECUTE FUNCTION training_baseline_fits();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0001_initial"),
        ("evaluation", "0001_initial"),
        ("inference", "0001_initial"),
        ("annotation", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            FUNCTION,
            "DROP TRIGGER training_baseline_fits ON training_trainingrun; DROP FUNCTION training_baseline_fits();",
        )
    ]
