"""What is remembered: tables, ledger, blobs and migrations of a run."""
