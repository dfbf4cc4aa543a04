"""What a stream will cost, said before anything is trained."""
