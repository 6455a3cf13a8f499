"""Adapt engines: a module each, with a `Dealer` for the process that starts a run and a `Party` for each that computes.

Only the module of the engine in use is imported: each engine lives in an environment of its own.
"""
