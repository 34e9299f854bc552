"""Which pipeline is sent to, and what can be seen of it from outside."""
