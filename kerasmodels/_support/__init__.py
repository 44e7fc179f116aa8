"""Support for all rooms: checks, files, archives, memory, and guards in graphs."""
