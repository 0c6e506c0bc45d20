"""Import paths that version 0.1 documented: each file hands on what lives elsewhere now. Nobody inside imports them."""
