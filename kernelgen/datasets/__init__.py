"""Dataset folders: what Kaggle shall know of them, and how a wheel dataset is filled."""
