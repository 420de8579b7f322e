# What comes before what, without rings.

import django.db.models.deletion
from django.db import migrations, models

# One at a time, so that two halves of a ring cannot each miss the other.
RING = """
CREATE FUNCTION courses_prerequisite_acyclic() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('courses.prerequisite'));
    IF EXISTS (
        WITH RECURSIVE before (id) AS (
            SELECT NEW.requires_id
            UNION
            SELECT p.requires_id FROM public.courses_prerequisite p JOIN before b ON p.course_id = b.id
        ) SELECT FROM before WHERE id = NEW.course_id
    ) THEN
        RAISE EXCEPTION 'Course % would have to be finished before itself.', NEW.course_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'courses_prerequisite_acyclic';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER acyclic AFTER INSERT OR UPDATE ON courses_prerequisite
    FOR EACH ROW EXECUTE FUNCTION courses_prerequisite_acyclic();
"""
NO_RING = "DROP TRIGGER acyclic ON courses_prerequisite; DROP FUNCTION courses_prerequisite_acyclic();"


class Migration(migrations.Migration):

    dependencies = [
        ('courses', '0005_refunds_validated'),
    ]

    operations = [
        migrations.CreateModel(
            name='Prerequisite',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('course', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prerequisites', to='courses.course', verbose_name='course')),
                ('requires', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leads_to', to='courses.course', verbose_name='asks for')),
            ],
            options={
                'verbose_name': 'prerequisite',
                'verbose_name_plural': 'prerequisites',
                'ordering': ['id'],
                'constraints': [
                    models.UniqueConstraint(fields=('course', 'requires'), name='courses_prerequisite_once'),
                    models.CheckConstraint(condition=models.Q(('course', models.F('requires')), _negated=True), name='courses_prerequisite_of_another'),
                ],
            },
        ),
        migrations.RunSQL(RING, NO_RING),
    ]
