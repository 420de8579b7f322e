"""Faults planted on purpose, one at a time, to see whether the suite goes red: `make mutants`.

Each fault is one exact piece of source exchanged for another, and the tests of its room. A fault that nobody notices is
a hole in the tests, not in the product.
"""
