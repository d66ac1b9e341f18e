"""Anime faces and their colour tags: the data, the judge, and what the experiments on faces share."""
