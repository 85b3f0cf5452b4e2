"""Dataset folders: what Kaggle shall know of them, and how wheels and downloads fill them."""
