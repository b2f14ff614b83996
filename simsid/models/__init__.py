"""Networks and what they are made of: tensors in, tensors out; no files, no data, no command line."""
