"""From a recipe, a template and a library to one standalone Kaggle notebook."""
