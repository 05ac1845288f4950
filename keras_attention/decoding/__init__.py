"""Decoding: greedy, beam and sampling, for any model that keeps the contract."""
