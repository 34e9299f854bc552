"""`quarantine`: list, show and redrive what could not be learned."""
