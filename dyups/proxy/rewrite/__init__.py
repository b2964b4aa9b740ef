"""The rewrite phase: what a server and its locations do before anything is served.

steps        the phase, one step after the other
verdicts     what a step says
rewriting    rewrite, if, limit_except
conditions   what if asks
"""
