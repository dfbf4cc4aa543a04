"""What a training service meets: arrivals, queues and waiting times, from recorded training times."""
