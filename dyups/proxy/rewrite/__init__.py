"""The rewrite phase: what a server and its locations do before anything is served.

steps        the phase, one step after the other
assigning    set of variables that do something
verdicts     what a step says
rewriting    rewrite, if, limit_except
conditions   what if asks
"""
