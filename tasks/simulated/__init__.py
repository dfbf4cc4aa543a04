"""Tasks made up: texts of a word model, of a known difficulty, and whole streams of them."""
