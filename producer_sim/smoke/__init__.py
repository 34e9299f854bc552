"""The smoke test: one signal with a step, followed hop by hop through a pipeline."""
