"""From a configuration to a finished run: wiring, the loop, what is recorded, and its verification."""
