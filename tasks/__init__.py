"""What is learned: task cards, their sources, splits, suites and simulated tasks."""
