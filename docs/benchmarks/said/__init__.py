"""Problems whose statement needs a word of its own, each with its answer."""
