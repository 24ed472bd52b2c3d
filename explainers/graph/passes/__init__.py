"""Small passes over a model, each named for its deed; `graph.prepare` says their order."""
