"""Tests of dyups; ``tests/integration`` needs pytest and real processes, everything else runs under trial too.

Hypothesis measures how long examples take, which is the machine's business: here nothing fails for that.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("dyups", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dyups")
