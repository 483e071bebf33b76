"""What Hoshyar does, one file a capability."""
