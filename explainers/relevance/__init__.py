"""Relevance: rules as data over an operator's own forward and VJP, families of operators, and which rule goes where."""
