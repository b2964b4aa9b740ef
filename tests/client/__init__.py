"""Tests of dyups.client."""
