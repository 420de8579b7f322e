"""Doors of the storefront and of learning."""
