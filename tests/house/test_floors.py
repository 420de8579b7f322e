"""Every relation between tables points down: to a lower floor, or stays on its own."""

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

FLOORS = {"accounts": 1, "events": 2, "ledger": 3, "partners": 4, "courses": 5, "analytics": 6, "recommender": 6}


def test_every_relation_points_down() -> None:
    wrong, seen = [], 0
    for model in apps.get_models(include_auto_created=True):
        here = model._meta.app_label
        for field in model._meta.get_fields(include_hidden=True):
            if not field.is_relation or field.auto_created or field.related_model is None:
                continue
            target = field.related_model
            there = here if isinstance(target, str) else target._meta.app_label
            seen += here in FLOORS
            # Third-party tables know people at most: they lie below every floor.
            if there in FLOORS and there != here and FLOORS[there] >= FLOORS.get(here, 2):
                wrong.append(f"{model._meta.label}.{field.name} -> {there}")
    assert seen > 20
    assert not wrong


def test_no_migration_is_missing() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    missing = {label: rows for label, rows in detector.changes(graph=loader.graph).items() if label in FLOORS}
    assert not {label: [str(row) for row in rows[0].operations] for label, rows in missing.items()}


def test_no_two_migrations_of_an_app_are_both_the_last() -> None:
    assert not MigrationLoader(None, ignore_no_migrations=True).detect_conflicts()
