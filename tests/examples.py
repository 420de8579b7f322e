"""How many examples a property test tries."""

from hypothesis import settings


def examples(count: int) -> int:
    """`count` of each hundred that the profile in use asks for: a quarter in `make test`, tenfold in `make faults`."""
    return max(1, count * settings().max_examples // 100)
