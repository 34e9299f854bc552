"""River models of our own: they import River and nothing of this project, and work without it."""
