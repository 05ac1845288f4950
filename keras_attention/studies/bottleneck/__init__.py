"""The study of why attention: scores by source length, with and without it."""
