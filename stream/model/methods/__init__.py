"""What a task owns: methods as declarations of sites, by name."""
