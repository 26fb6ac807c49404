"""Who gets at what: every operation of the OpenAPI document, tried with somebody else's credential."""
