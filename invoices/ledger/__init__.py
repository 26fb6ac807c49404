"""Double entry: append-only journals in minor units, each balanced per currency, written in the causing transaction."""
