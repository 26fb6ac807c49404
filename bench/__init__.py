"""How fast it is, and what it spends its time on: `make bench`, `make profile`. See CONTRIBUTING.md, "Measuring"."""
