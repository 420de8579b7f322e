"""Benchmarks, one a file, as JSON lines: `make bench`, or `python -m bench.settlement` from the project's root.

Importing the package makes Django ready with the tests' settings, so that each file imports what it measures on top.
"""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()
