"""Django's backend for MariaDB and MySQL, with fewer round trips."""
