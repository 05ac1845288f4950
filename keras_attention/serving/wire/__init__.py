"""What REST, gRPC and the client share: messages, tensors, signatures, status codes."""
