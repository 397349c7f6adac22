"""A portfolio on a cluster of Spark: decided in tasks, its book allocated by prices."""
