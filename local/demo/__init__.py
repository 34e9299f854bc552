"""The demo: a plant sends, the pipeline learns and alerts, and the result is checked."""
