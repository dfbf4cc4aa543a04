"""What runs in another library's environment: it imports torch, transformers and that library.

Each process of it holds one side and answers the commands of `benchmarks.peers.conversation`; of this project
it knows nothing else. A side at its best tries the settings that a user would have to know of (attention
kernel, number format of frozen weights, evaluation batch) and takes the fastest.
"""
