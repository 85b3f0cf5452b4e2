"""Metrics, three levels deep."""
