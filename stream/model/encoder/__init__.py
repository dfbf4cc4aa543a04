"""What computes: the encoder as a pure function of a backbone, the tensors of a task, and a batch."""
