"""What makes the model and applies it to files: offline, never imported by the service."""
