"""The command line: what it may say, and one function for each of its verbs."""
