"""What `manage.py demo_year` plays."""
