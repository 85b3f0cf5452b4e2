"""The function hides its module."""

from .mel import mel
