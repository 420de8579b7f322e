"""What the recommender refuses, in words for the reader."""


class TrainingRefusedError(Exception):
    """A training that cannot run as asked; the message says why and what to do."""


class TrainingStoppedError(Exception):
    """Somebody asked for a stop, or another worker holds the run: what was done so far is not kept."""


class PathRefusedError(Exception):
    """A learning path that cannot be planned or changed as asked; the message says why and what to do."""


class PolicyRefusedError(Exception):
    """Figures for suggestions that cannot be; the message names the one that is wrong."""


class ExperimentRefusedError(Exception):
    """An experiment that cannot be written, started, stopped or decided as asked; the message says why."""
