"""The administrators’ private chat."""
