"""The recommender's pure room: arrays and seeds in, models, metrics and artefacts out.

Nothing here knows Django. Reading an artefact and ranking for one person needs numpy alone (`serve`); fitting and
evaluating use torch, which is imported inside the functions that need it or by modules that only training loads.
"""
