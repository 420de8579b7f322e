"""Faults of the books in the database: a lock removed, a key no longer unique, a trigger dropped, a policy opened."""

from tests.mutants.fault import Fault

BOOKS: tuple[Fault, ...] = ()
