"""How any tool reaches a pipeline: deployed stacks, the local one, streams, recordings."""
