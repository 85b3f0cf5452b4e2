"""From a template to a notebook's cells and its metadata."""
