"""The rules of a company that a plant keeps: where it may be, its network, key, roles and rule packs."""
