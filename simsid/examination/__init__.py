"""What a model sees and what it does not, found on normals alone: no label, no disease."""

LEAST = 20  # normals to make anomalies from: fewer say nothing
