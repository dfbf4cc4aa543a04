"""Tasks learned without a backbone: pipelines of scikit-learn, searched within a budget."""
