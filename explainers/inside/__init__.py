"""Looking inside a model: what its layers answer, which part of an input they see, what drives them, where they attend."""
