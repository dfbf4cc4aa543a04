"""Files as tables of texts and labels."""
