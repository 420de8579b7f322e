"""Imports of a whole business from CSV files: mapping, reading, planning, writing, receipt."""
