"""`upgrade`: builds new models beside those in use, and activates them."""
