"""This project beside `adapters`, PEFT and the Hugging Face Trainer: speed, memory, accuracy."""
