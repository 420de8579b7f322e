"""What the recommender refuses, in words for the reader."""


class TrainingRefusedError(Exception):
    """A training that cannot run as asked; the message says why and what to do."""
