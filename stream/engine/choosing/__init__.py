"""How an arrival is learned: by the best of its candidates, or taken over where it was trained before."""
