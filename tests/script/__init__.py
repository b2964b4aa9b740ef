"""Tests of dyups.script."""
