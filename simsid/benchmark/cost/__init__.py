"""What a method takes in time and memory: ``speed``, ``patchcore``."""
