"""What a stream will cost, said before anything is trained."""

PROBE_SECONDS = 10.0
"""Of measuring; what is under way at the end is finished, and loading and the first step come on top."""
