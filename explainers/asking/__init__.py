"""Explaining by asking: which copies of an item a model is asked about, how many, and what its answers say."""
