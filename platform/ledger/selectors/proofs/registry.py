"""What a proof is, and the list of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """`sql` selects (row, what) for each violation; `code` is the invariant's, `title` says what holds."""

    code: str
    title: str
    sql: str


_PROOFS: dict[str, Proof] = {}


def register(proof: Proof) -> Proof:
    """Add a proof; a code that is taken by another one is a mistake of the programmer."""
    if _PROOFS.setdefault(proof.code, proof) != proof:
        raise ValueError(f"proof {proof.code} stands twice")
    return proof


def proofs() -> list[Proof]:
    """Return every proof, by code."""
    return [_PROOFS[code] for code in sorted(_PROOFS, key=lambda code: (len(code.split("-")[0]), code))]
