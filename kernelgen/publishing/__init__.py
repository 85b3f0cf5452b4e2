"""Talking to Kaggle: datasets and kernels there, runs followed, outputs brought back, submissions made."""
