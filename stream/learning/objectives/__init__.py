"""What a task asks for: losses, predictions and metrics of classes, scores and spans."""
