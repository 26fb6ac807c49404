"""The adapter for the provider simulator; the simulator itself is the package `simulator`."""
