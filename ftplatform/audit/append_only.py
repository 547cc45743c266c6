"""Append-only tables, held by a trigger where history is the product.

Only one audited service may write a redaction marker into such a row: it says `SET LOCAL ft.redacting = 'on'` first. Nothing
deletes a row.
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION ft_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('ft.redacting', true) = 'on' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""


def append_only(*tables: str) -> list[migrations.RunSQL]:
    """Migration operations that make the tables append-only."""
    return [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ft_refuse_change()",
            f"DROP TRIGGER {table}_append_only ON {table}",
        )
        for table in tables
    ]
