"""What is learned about people. It needs PyTorch, the extra ``train``; what comes of it does not."""
