# -*- coding: latin-1 -*-
"""Größe."""
TEXT = "größe é"
