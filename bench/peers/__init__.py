"""What Quittance is measured against; runs in the environment of bench/requirements.txt."""
