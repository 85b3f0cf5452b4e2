"""The way back: what was edited on Kaggle becomes a commit on a branch of its own, for git to merge."""
