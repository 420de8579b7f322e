import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

SLOTS = [
    ("home", "Learner's home"),
    ("course", "Course page"),
    ("bought", "After a purchase"),
    ("mail", "In mail"),
    ("api", "By the API"),
]
SOURCES = [
    ("model", "Learned from what people do"),
    ("topic", "By its topic"),
    ("popular", "By how many learn it"),
    ("explore", "Place kept for new courses"),
]


def number() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def to(model: str, words: str, on_delete=django.db.models.deletion.CASCADE, **more) -> models.ForeignKey:
    return models.ForeignKey(on_delete=on_delete, related_name="+", to=model, verbose_name=words, **more)


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0005_refunds_validated"),
        ("recommender", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ServingPolicy",
            fields=[
                ("id", number()),
                (
                    "values",
                    models.JSONField(
                        default=dict, help_text="Those left out are the code's own.", verbose_name="figures"
                    ),
                ),
                ("note", models.CharField(max_length=200, verbose_name="why")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="in force since"),
                ),
                (
                    "created_by",
                    to(
                        settings.AUTH_USER_MODEL,
                        "written by",
                        django.db.models.deletion.SET_NULL,
                        blank=True,
                        null=True,
                    ),
                ),
            ],
            options={"verbose_name": "policy of suggestions", "verbose_name_plural": "policies of suggestions"},
        ),
        migrations.AlterField(
            model_name="servedlist",
            name="slot",
            field=models.CharField(choices=SLOTS, max_length=8, verbose_name="place"),
        ),
        migrations.AddField(
            model_name="servedlist",
            name="code",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(),
                default=uuid.uuid4,
                unique=True,
                verbose_name="code",
            ),
        ),
        migrations.AddField(
            model_name="servedlist",
            name="policy",
            field=to(
                "recommender.servingpolicy", "policy", django.db.models.deletion.PROTECT, blank=True, null=True
            ),
        ),
        migrations.AddField(
            model_name="servedlist",
            name="mail_week",
            field=models.DateField(blank=True, null=True, verbose_name="mail of the week"),
        ),
        migrations.AddConstraint(
            model_name="servedlist",
            constraint=models.UniqueConstraint(fields=("user", "mail_week"), name="recommender_mailed_once"),
        ),
        migrations.AddField(
            model_name="dismissal",
            name="kind",
            field=models.CharField(
                choices=[("course", "Not for me"), ("less", "Less like this")],
                db_default="course",
                default="course",
                max_length=8,
                verbose_name="what was said",
            ),
        ),
        migrations.CreateModel(
            name="Taste",
            fields=[
                ("id", number()),
                ("answered_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="said at")),
                (
                    "topics",
                    models.ManyToManyField(blank=True, related_name="+", to="courses.topic", verbose_name="topics"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="learner",
                    ),
                ),
            ],
            options={"verbose_name": "chosen interests", "verbose_name_plural": "chosen interests"},
        ),
        migrations.CreateModel(
            name="Impression",
            fields=[
                ("id", number()),
                ("position", models.PositiveSmallIntegerField(verbose_name="place in the list")),
                ("source", models.CharField(choices=SOURCES, max_length=8, verbose_name="found by")),
                ("score", models.FloatField(verbose_name="score")),
                ("propensity", models.FloatField(default=1.0, verbose_name="propensity")),
                ("reason", models.JSONField(default=dict, verbose_name="why shown")),
                ("clicked_at", models.DateTimeField(blank=True, null=True, verbose_name="clicked at")),
                ("course", to("courses.course", "course")),
                (
                    "served",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="impressions",
                        to="recommender.servedlist",
                        verbose_name="list",
                    ),
                ),
            ],
            options={
                "verbose_name": "impression",
                "verbose_name_plural": "impressions",
                "constraints": [
                    models.UniqueConstraint(fields=("served", "position"), name="recommender_place_once"),
                    models.CheckConstraint(
                        condition=models.Q(("propensity__gt", 0), ("propensity__lte", 1)),
                        name="recommender_propensity_range",
                    ),
                ],
            },
        ),
    ]
