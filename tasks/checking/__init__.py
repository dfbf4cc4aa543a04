"""What is odd about a suite, said before anything is trained on it."""
