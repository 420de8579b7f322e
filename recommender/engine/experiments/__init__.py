"""Experiments: who is in which arm, whether the arms are as big as they should be, what the difference is.

Figures in, figures out: nothing here knows people, tables or the clock. Only numpy, scipy and the standard library.
"""
