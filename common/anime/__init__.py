"""Anime faces and their colour tags: the data, the judge, and what five of the six experiments share about them."""
