"""Names by which a server finds parts of an exported graph; anybody may import this."""

# The function that searches, and its argument that varies in length.
SEARCH = "compilable_search"
SOURCE_IDS = "source_ids"
# What is changed for a compiler, which knows no tensors that grow: the number of steps
# for which there is room at first, and the loop of growth.
FIRST_CAPACITY = "first_capacity"
GROWTH = "growth"
