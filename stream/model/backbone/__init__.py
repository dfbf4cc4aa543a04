"""What is frozen: the architecture of a backbone, its tensors, and where they come from."""
