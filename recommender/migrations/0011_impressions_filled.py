from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

STEP = 2_000
FILL = """
INSERT INTO recommender_impression (served_id, position, course_id, source, score, propensity, reason)
SELECT s.id, i.place, c.id, 'model', coalesce((i.item ->> 'score')::float8, 0), 1,
    jsonb_build_object('parts', (
        SELECT coalesce(jsonb_agg(jsonb_build_array(b, NULL)), '[]') FROM jsonb_array_elements(i.item -> 'because') b
    ))
FROM recommender_servedlist s
CROSS JOIN LATERAL jsonb_array_elements(s.items) WITH ORDINALITY AS i (item, place)
JOIN courses_course c ON c.id = (i.item ->> 'course')::bigint
WHERE s.id > %s AND s.id <= %s
ON CONFLICT DO NOTHING
"""


def fill(apps, schema_editor) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM recommender_servedlist")
        last = cursor.fetchone()[0]
        for first in range(0, last, STEP):
            cursor.execute(FILL, [first, first + STEP])


class Migration(migrations.Migration):
    """Lists shown before are read into impressions, a few at a time, while others go on writing."""

    atomic = False
    dependencies = [("recommender", "0010_impressions")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            "servedlist",
            models.Index(
                condition=models.Q(("visitor_key__isnull", False)),
                fields=["visitor_key"],
                name="recommender_served_visitor",
            ),
        ),
        AddIndexConcurrently(
            "servedlist", models.Index(fields=["served_at", "slot"], name="recommender_served_when")
        ),
    ]
