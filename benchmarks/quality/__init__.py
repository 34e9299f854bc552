"""How well a use case finds what people labelled, on recordings that are not part of the project."""
