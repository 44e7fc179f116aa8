"""What every room uses: checks, files, archives, memory, and guards in graphs."""
