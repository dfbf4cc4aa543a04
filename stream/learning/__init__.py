"""Learning a task on the frozen backbone, and evaluating what was learned."""
