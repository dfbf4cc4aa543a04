"""The frozen backbone, the encoder as a pure function, and the methods that adapt it."""
