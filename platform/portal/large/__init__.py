"""A business of the size that the portal must bear, for measuring: `make seed-large`."""
