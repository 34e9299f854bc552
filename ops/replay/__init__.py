"""Learn records again, outside of the function."""
