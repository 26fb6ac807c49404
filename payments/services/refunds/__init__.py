"""Money on its way back: reserved, sent, asked about and ended, each under its invoice's lock."""
