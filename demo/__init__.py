"""The page: layout, the border to the models (files in, arrays out), pictures, privacy, doors."""
