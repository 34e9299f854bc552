"""Where the function runs on this machine."""
