"""Pages and REST in the same process."""
