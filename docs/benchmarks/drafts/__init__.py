"""Random declarations as Python text, put together from good and strange parts, with what was planted in them."""
