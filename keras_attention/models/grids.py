"""Where to cut a network so that its map has the cells that are wanted."""


def check_grid(network_name, image_size, grid_size, available):
    """Raises ValueError, with the sizes that there are, for one that there is not."""
    if grid_size not in available:
        sizes = ", ".join(map(str, sorted(available)))
        raise ValueError(
            f"{network_name} has no grid_size={grid_size} for image_size={image_size}; "
            f"with images of this size it has {sizes}"
        )
