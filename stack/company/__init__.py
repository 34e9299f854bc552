"""The rules of a company that a plant keeps: place, network, key, roles, logs, who is called, who writes."""
