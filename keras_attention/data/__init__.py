"""Text in, arrays out: tokenizers, readers, prepared corpora, batches, toy tasks."""
