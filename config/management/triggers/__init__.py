"""How each type of event can be made to happen where money is invented: `manage.py trigger_event`."""
