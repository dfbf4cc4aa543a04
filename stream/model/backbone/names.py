"""What a command line calls a backbone and a device by; nothing heavy is imported for it."""

from typing import Literal

MINILM = "minilm"
"""The embedded backbone."""
DeviceChoice = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[DeviceChoice, ...] = ("auto", "cpu", "cuda")
