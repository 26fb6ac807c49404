"""What every app stands on: errors, money, ids, correlation, clock, db, fields. No DRF and no models live here."""
