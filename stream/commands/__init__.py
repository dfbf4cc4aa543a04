"""The command line that the doors share: signals and exit codes, options, places, lists."""
