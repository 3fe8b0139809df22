"""The kernel at work: scikit-learn estimators."""
