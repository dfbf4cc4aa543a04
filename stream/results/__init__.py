"""What was measured, as plain values: metrics, comparisons, coverage, growth, trials, estimates."""
