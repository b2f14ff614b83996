"""Archives of films: from lists, tar shards and datasets, through a model, into shards of rows."""
