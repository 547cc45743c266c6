from django.db import migrations

from ftplatform.audit.append_only import FUNCTION, append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("projects", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION ft_refuse_change()"),
        *append_only("audit_auditevent", "projects_taskrevision"),
    ]
