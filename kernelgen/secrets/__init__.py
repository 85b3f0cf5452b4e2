"""Secrets: what they look like, and those of this machine."""
