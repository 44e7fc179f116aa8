"""What the scripts in experiments/ share."""
