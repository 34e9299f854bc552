"""Protocols of the shop floor, written as JSON: their messages read into observations with qualities."""
